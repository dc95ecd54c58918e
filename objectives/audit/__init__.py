"""What should not be trained on: junk, duplicates, contradictions, files that are no pictures.

``audit`` is told nothing but images and labels. It looks at every picture once (``looks``), finds
pairs that could be copies by two perceptual hashes (``candidates``), and calls a pair copies only
after laying their pixels over each other (``comparing``): recompressed, slightly resized or shifted
copies pass, two pictures of the same kind of thing do not. Mirrored, turned and cropped copies are
not seen. Copies of copies form clusters (``clusters``). Then (``verdicts``):

- A cluster under more than one label goes as a whole: one cannot know which label is right.
- Of exact copies under one label the first stays.
- Near copies under one label all stay, as one group: they never straddle folds or the holdout.
- Files that cannot be decoded, pictures of one colour, and specks go.
- Another size than most is a warning, no reason to exclude.

Groups that the user gave are merged with the clusters, so ``groups`` is what folds must respect.
"""

from objectives.audit.audit import audit
from objectives.audit.exclusion import load_excluded_rows
from objectives.audit.html import write_report
from objectives.audit.report import AuditReport, Cluster

__all__ = ["AuditReport", "Cluster", "audit", "load_excluded_rows", "write_report"]
