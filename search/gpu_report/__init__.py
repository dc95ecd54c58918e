"""What ``foldsweep doctor --gpu`` finds out: whether the GPUs compute right, and what feeds them.

Every question is asked by a process of its own (:mod:`search.gpu_report.probes`), so that one which
crashes takes no other with it, and the process that reports loads no TensorFlow.
"""

from search.gpu_report.markdown import as_markdown
from search.gpu_report.records import Check, GpuReport, Rate, VisibleGpu
from search.gpu_report.report import make_gpu_report

__all__ = ["Check", "GpuReport", "Rate", "VisibleGpu", "as_markdown", "make_gpu_report"]
