"""The challenger: the members of a lineup, refitted, as one model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlruns_config.registry.saved_classifier import Classifier
from objectives.records import ImageArray
from search.promotion.lineup import Lineup

if TYPE_CHECKING:
    from objectives.networks.serving import TrainedNetwork


@dataclass(frozen=True)
class Challenger:
    """One model, and what it is compared with in figures; all of them share their layers."""

    classifier: Classifier
    """What is examined and registered."""
    untempered: Classifier
    """The same with every temperature 1."""
    single: Classifier
    """Its heaviest member by itself, one look at an image."""

    def measure_latencies_ms(self, images: ImageArray) -> dict[str, Mapping[int, float]]:
        """Measure the milliseconds an image takes, by model and batch size.

        Args:
            images: Some, of the size that the members were trained at.
        """
        from objectives.evaluation.latency import measure_latency_ms

        models = {"registered": self.classifier, "single": self.single}
        return {
            name: measure_latency_ms(classifier.model.predict_on_batch, images)
            for name, classifier in models.items()
        }


def build_challenger(
    lineup: Lineup,
    networks: Sequence["TrainedNetwork"],
    *,
    image_px: int,
    class_names: tuple[str, ...],
) -> Challenger:
    """Put refitted networks together.

    Args:
        lineup: Who answers.
        networks: Of its members, in the same order.
        image_px: The size that they were trained at.
        class_names: In the order of the probabilities.
    """
    from objectives.networks.serving import ServedMember, servable_model

    members = [
        ServedMember(network, member.weight, member.temperature, member.symmetry)
        for network, member in zip(networks, lineup.members, strict=True)
    ]

    def classifier(parts: Sequence[ServedMember], temperature: float) -> Classifier:
        model = servable_model(
            parts, image_px, combination=lineup.combination, temperature=temperature
        )
        return Classifier(model, class_names)

    return Challenger(
        classifier(members, lineup.temperature),
        classifier([member.untempered() for member in members], 1.0),
        classifier([members[0].alone()], 1.0),
    )
