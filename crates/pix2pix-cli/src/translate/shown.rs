//! The pictures of the gallery.

use std::path::Path;

use pix2pix::Translator;
use pix2pix::data::picture::Picture;
use pix2pix::report::{Gallery, PictureScores};

/// The gallery, and the name of a picture in it.
pub struct Shown<'a> {
    /// The gallery.
    pub gallery: &'a mut Gallery,
    /// The picture's name.
    pub name: &'a Path,
}

impl Shown<'_> {
    /// Adds a translated picture, with its target and scores if it is half of a pair of the model's channels.
    pub fn add(
        self,
        translator: &Translator,
        [source, output]: [&Picture; 2],
        wanted: Option<Picture>,
    ) {
        let (name, domain) = (self.name.display().to_string(), &translator.config.target);
        let wanted = wanted.and_then(|wanted| domain.in_channels(wanted).ok());
        let scores = wanted
            .as_ref()
            .map(|wanted| PictureScores::of(&name, [output, wanted], domain, None));
        self.gallery
            .add(&name, [source, output], wanted.as_ref(), scores.as_ref());
    }
}
