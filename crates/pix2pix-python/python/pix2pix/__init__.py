"""Paired image-to-image translation with conditional adversarial networks (Isola et al., CVPR 2017)."""

from ._pix2pix import Generator, __version__

__all__ = ["Generator", "__version__"]
