"""What the stages of one trial read: views of its policy, features of them, fold by fold plans."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np

from objectives.augmentation import augmenter
from objectives.networks.extractors import Extractor, FeatureArray, make_extractor
from objectives.networks.features import Embeddings, FeatureSource, FeatureStore
from objectives.networks.own_backbones import is_network
from objectives.records import FloatArray, ImageArray, TrialContext
from objectives.settings import SHIFT_STRENGTH
from objectives.store.array_store import Arrays, ArrayStore
from objectives.training.class_balance import balanced_class_weights
from objectives.training.head_stage import FoldPlan, hash_seed
from objectives.views.rows import interleaved
from objectives.views.views import Purpose, SharingCounts, ViewKey, Views
from spaces.backbones import is_embeddings
from spaces.params import FeaturesName, TrialParams
from spaces.policies import PolicyPath, parse_policy

REFIT_DRAW = 1
GALLERY_COLUMNS = 8
GALLERY_VIEWS = 3


@lru_cache(maxsize=4)
def _extractor(
    backbone: str, weights: str, image_px: int, features: FeaturesName, cut: int | None
) -> Extractor:
    """Keep the backbones of this burst and the last in memory from trial to trial."""
    return make_extractor(backbone, weights, image_px, features, cut)


@dataclass(frozen=True)
class TrialInputs:
    """Views and features for one trial, and the plan of its folds."""

    params: TrialParams
    context: TrialContext
    plan: FoldPlan
    views: Views
    store: ArrayStore
    counts: SharingCounts
    held: dict[ViewKey, Arrays] = field(default_factory=dict)
    """Features of the views that epochs go round: open, so that a round stays whole."""

    @classmethod
    def of_folds(cls, params: TrialParams, context: TrialContext) -> "TrialInputs":
        """Lay out a trial that is scored by cross-validation; all trials share its draws."""
        splits = context.splits
        return cls._laid_out(params, context, splits.fold_of, splits.n_folds, context.seed)

    @classmethod
    def of_refit(cls, params: TrialParams, context: TrialContext) -> "TrialInputs":
        """Lay out one model on all rows of the sweep, with draws that no trial has seen."""
        everyone = np.full(len(context.splits.rows), -1, dtype=np.int64)
        fresh_seed = hash_seed(context.seed, REFIT_DRAW)
        # The augmented images of a refit are read once, and nothing is validated.
        unvalidated = context.validation.model_copy(update={"shift": "none"})
        once = replace(context, keep_views=False, validation=unvalidated)
        return cls._laid_out(params, once, everyone, 1, fresh_seed)

    @classmethod
    def _laid_out(
        cls,
        params: TrialParams,
        context: TrialContext,
        fold_of: np.ndarray,
        n_folds: int,
        seed: int,
    ) -> "TrialInputs":
        n_classes = len(context.data.class_names)
        labels = context.data.labels[context.splits.rows]
        balanced = balanced_class_weights(labels, fold_of, n_folds=n_folds, n_classes=n_classes)
        even = np.ones_like(balanced)
        plan = FoldPlan(
            fold_of,
            n_folds,
            balanced if params.class_weights == "balanced" else even,
            balanced if params.loss == "focal" and params.focal_alpha == "balanced" else even,
        )
        counts = SharingCounts()
        context.on_sharing(counts)
        store = ArrayStore(context.home / "store", max_bytes=context.max_store_bytes)
        views = Views(
            context.data,
            context.splits.rows,
            fold_of,
            n_classes=n_classes,
            seed=seed,
            augmenter=augmenter("opencv"),
            store=store,
            counts=counts,
        )
        return cls(params, context, plan, views, store, counts)

    @property
    def image_px(self) -> int:
        """Edge of the images in pixels."""
        return int(self.context.data.images.shape[1])

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.context.data.class_names)

    @property
    def labels(self) -> np.ndarray:
        """Class numbers of the sweep's rows."""
        return self.context.data.labels[self.context.splits.rows]

    @property
    def is_network(self) -> bool:
        """Whether the backbone is a network, which can be fine-tuned."""
        return is_network(self.params.backbone, self.image_px)

    def features(self, cut: int | None = None) -> FeatureSource:
        """Give the features of this trial's backbone, up to a cut as its extractor takes it."""
        if is_embeddings(self.params.backbone):
            return self._embeddings
        return FeatureStore(self.store, self.views, self.extractor(cut), self.counts)

    @cached_property
    def _embeddings(self) -> Embeddings:
        return Embeddings(self.params.backbone, self.context.splits.rows, self.views)

    def extractor(self, cut: int | None = None) -> Extractor:
        """Give what makes them."""
        params = self.params
        return _extractor(params.backbone, params.weights, self.image_px, params.features, cut)

    def features_of_epoch(
        self, epoch: int, cut: int | None = None
    ) -> tuple[FeatureArray, FloatArray]:
        """Give features and labels of the views that an epoch trains on."""
        features, keep = self.features(cut), self.context.keep_views
        held = self.held if cut is None else None
        keys = self._epoch_keys(epoch)
        parts = [features.get(key, keep_view=keep, held=held) for key in keys]
        return interleaved(parts, epoch)

    def images_of_epoch(self, epoch: int) -> tuple[ImageArray, FloatArray]:
        """Give images and labels of the views that an epoch trains on."""
        views = [self.views.stored(key) for key in self._epoch_keys(epoch)]
        return interleaved([(view.images, view.labels) for view in views], epoch)

    def _epoch_keys(self, epoch: int) -> list[ViewKey]:
        """Name the views of an epoch, one for each path of the policy.

        While one index lasts each row goes through all paths, so that several paths need no more
        passes than one; after ``train.views`` passes the indices begin again.
        """
        paths = parse_policy(self.params.policy).paths
        n_indices = -(-self.context.train.views // len(paths))
        index = epoch // len(paths) % n_indices
        return [
            self._key(path.name, self.params.strength, index * paths.count(path) + before, "train")
            for path, before in zip(paths, _times_before(paths), strict=True)
        ]

    def validation_features(
        self, cut: int | None = None
    ) -> tuple[FeatureArray, FeatureArray | None]:
        """Give features of the clean and the shifted validation view."""
        clean, shifted = self._validation_keys()
        features, keep = self.features(cut), self.context.keep_views
        return features.get(clean, keep_view=False)[0], (
            None if shifted is None else features.get(shifted, keep_view=keep)[0]
        )

    def validation_images(self) -> tuple[ImageArray, ImageArray | None]:
        """Give the clean and the shifted validation view."""
        clean, shifted = self._validation_keys()
        return self.views.stored(clean).images, (
            None if shifted is None else self.views.stored(shifted).images
        )

    def kept_validation_images(self) -> tuple[ImageArray | None, ImageArray | None]:
        """Give the same, but None of a view that is not kept."""
        clean, shifted = self._validation_keys()
        return self.views.kept(clean), None if shifted is None else self.views.kept(shifted)

    def gallery_keys(self) -> tuple[ViewKey, ...]:
        """Name the views that a gallery of the policy shows: some of each path."""
        n_paths = len(parse_policy(self.params.policy).paths)
        epochs = range(0, GALLERY_VIEWS * n_paths, n_paths)
        keys = dict.fromkeys(key for epoch in epochs for key in self._epoch_keys(epoch))
        return tuple(keys)[: max(GALLERY_VIEWS, n_paths)]

    def gallery(self, keys: Iterable[ViewKey]) -> list[ImageArray]:
        """Give a few images as they are, then as each of some views shows them."""
        n_shown = min(GALLERY_COLUMNS, self.views.n_rows)
        originals = self.context.data.images[self.context.splits.rows[:n_shown]]
        return [originals, *(self.views.first_images(key, n_shown) for key in keys)]

    def _validation_keys(self) -> tuple[ViewKey, ViewKey | None]:
        shift = self.context.validation.shift
        shifted = None if shift == "none" else self._key(shift, SHIFT_STRENGTH, 0, "validate")
        return self._key("none", SHIFT_STRENGTH, 0, "validate"), shifted

    def _key(self, policy: str, strength: str, index: int, purpose: Purpose) -> ViewKey:
        return self.views.key(policy, strength, index, purpose)


def _times_before(paths: Sequence[PolicyPath]) -> list[int]:
    """Count for each path how often it stands before: the same path twice needs two draws."""
    return [paths[:place].count(path) for place, path in enumerate(paths)]
