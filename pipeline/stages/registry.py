"""The stages that map over partitions, in the order a picture travels."""

from __future__ import annotations

from pipeline.stage import Stage
from pipeline.stages.assign import ASSIGN
from pipeline.stages.embed import EMBED
from pipeline.stages.faces import FACES
from pipeline.stages.identify import IDENTIFY
from pipeline.stages.measure import MEASURE
from pipeline.stages.prepare import PREPARE
from pipeline.stages.sketch import SKETCH

MAPS: tuple[Stage, ...] = (MEASURE, FACES, IDENTIFY, SKETCH, PREPARE, EMBED, ASSIGN)


def named(name: str) -> Stage:
    """The stage of that name."""
    return next(stage for stage in MAPS if stage.name == name)
