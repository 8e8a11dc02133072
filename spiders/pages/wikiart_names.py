"""Styles and genres that WikiArt is known to have, for when its dictionaries cannot be read."""

from __future__ import annotations

_STYLES = """
impressionism realism romanticism expressionism post-impressionism surrealism art-nouveau baroque symbolism
abstract-expressionism na-ve-art-primitivism neoclassicism cubism rococo northern-renaissance pop-art minimalism
abstract-art art-informel ukiyo-e conceptual-art color-field-painting high-renaissance
mannerism-late-renaissance neo-expressionism early-renaissance magic-realism academicism op-art
lyrical-abstraction contemporary-realism art-deco fauvism concretism ink-and-wash-painting post-minimalism
social-realism hard-edge-painting neo-romanticism tachisme pointillism socialist-realism neo-pop-art
"""

_GENRES = """
portrait landscape genre-painting abstract religious-painting cityscape sketch-and-study figurative illustration
still-life design nude-painting-nu mythological-painting marina animal-painting flower-painting self-portrait
installation photo allegorical-painting history-painting interior literary-painting poster caricature
battle-painting wildlife-painting cloudscape miniature veduta yakusha-e calligraphy graffiti tessellation
capriccio advertisement bird-and-flower-painting performance bijinga pastorale trompe-loeil vanitas shan-shui
tapestry mosaic quadratura panorama architecture
"""

KNOWN = {"style": _STYLES.split(), "genre": _GENRES.split()}
