"""TensorFlow code with impure random operations, made a pure function of a seed.

keras-cv's layers draw from unseeded stateful operations (``tf.random.gamma`` and others), whose
state lives in a kernel and whose order is up to the scheduler. So the traced graph is kept as
data; each call writes seeds into every random operation of a copy and runs it once in a session of
its own, whose kernels begin afresh, with no loop running two turns at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf


class OpLevelGenerator:
    """Stands in for ``tf.random.Generator``, whose state would outlive a call."""

    def uniform(
        self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = tf.float32
    ) -> Any:
        """Draw uniformly; the seed is written into the graph before each run."""
        return tf.random.uniform(shape, minval, maxval, dtype=dtype)


class SeededGraph:
    """A traced function that depends on its arguments and a seed alone; safe in threads."""

    def __init__(
        self, function: Callable[..., Mapping[str, Any]], signature: Sequence[tf.TensorSpec]
    ) -> None:
        """Trace ``function``, which takes one tensor per entry and gives tensors by name."""
        concrete = tf.function(function).get_concrete_function(*signature)
        self._graph_def = concrete.graph.as_graph_def()
        self._inputs = [tensor.name for tensor in concrete.inputs]
        names = sorted(concrete.structured_outputs)
        self._outputs = {name: concrete.structured_outputs[name].name for name in names}

    def shuffles(self) -> list[str]:
        """List the graph's shuffles, whose results are the orders that partners come in."""
        return [f"{node.name}:0" for node in self._graph_def.node if node.op == "RandomShuffle"]

    def run(
        self, arrays: Sequence[npt.NDArray[Any]], *, seed: int, also: Sequence[str] = ()
    ) -> dict[str, npt.NDArray[Any]]:
        """Run once.

        Args:
            arrays: One per argument of the function.
            seed: At least 0 and below 2**64.
            also: Names of further tensors to give back, under these names.
        """
        graph = tf.Graph()
        with graph.as_default():
            tf.import_graph_def(_with_seeds(self._graph_def, seed), name="")
        wanted = {**self._outputs, **{name: name for name in also}}
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=1,
            inter_op_parallelism_threads=1,
            use_per_session_threads=True,
            device_count={"GPU": 0},
        )
        # The graph runs once: optimizing it first takes three times as long as running it.
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        with tf.compat.v1.Session(graph=graph, config=config) as session:
            feed = dict(zip(self._inputs, arrays, strict=True))
            results: dict[str, npt.NDArray[Any]] = session.run(wanted, feed_dict=feed)
        return results


def _with_seeds(graph_def: Any, seed: int) -> Any:
    seeded = type(graph_def)()
    seeded.CopyFrom(graph_def)
    nodes = list(_in_call_order(seeded))
    random = [node for node in nodes if "seed" in node.attr and "seed2" in node.attr]
    state = np.random.SeedSequence(seed).generate_state(2 * len(random), np.uint32)
    # Two zeros would ask TensorFlow for a seed of its own.
    for node, first, second in zip(random, state[::2].tolist(), state[1::2].tolist(), strict=True):
        node.attr["seed"].i = first + 1
        node.attr["seed2"].i = second
    for node in nodes:
        # Turns that overlap would take their draws from one kernel in any order.
        if "parallel_iterations" in node.attr:
            node.attr["parallel_iterations"].i = 1
    return seeded


def _in_call_order(graph_def: Any) -> Iterator[Any]:
    """Walk through the nodes, each function where it is first called.

    The library lists functions by names that carry a counter of the process, so its order would
    give another process other seeds.
    """
    functions = {function.signature.name: function for function in graph_def.library.function}

    def walk(nodes: Iterable[Any]) -> Iterator[Any]:
        for node in nodes:
            yield node
            for name in sorted(node.attr):
                called = [node.attr[name].func.name, *(f.name for f in node.attr[name].list.func)]
                for function in filter(None, (functions.pop(name, None) for name in called)):
                    yield from walk(function.node_def)

    yield from walk(graph_def.node)
