//! The pictures of the gallery.

use std::borrow::Cow;
use std::path::Path;

use pix2pix::Translator;
use pix2pix::data::picture::Picture;
use pix2pix::data::{nodata, pair};
use pix2pix::report::{Gallery, PictureScores};

/// The gallery, and the name of a picture in it.
pub struct Shown<'a> {
    /// The gallery.
    pub gallery: &'a mut Gallery,
    /// The picture's name.
    pub name: &'a Path,
}

impl Shown<'_> {
    /// Adds a translated picture, with its target and scores if it is half of a pair of the model's channels. As in
    /// `evaluate`, pixels without data on either side do not count; `tag` is the value that the file names for them.
    pub fn add(
        self,
        translator: &Translator,
        [source, output]: [&Picture; 2],
        wanted: Option<Picture>,
        tag: Option<f32>,
    ) {
        let (name, config) = (self.name.display().to_string(), &translator.config);
        let domain = &config.target;
        let mask = wanted.as_ref().and_then(|wanted| {
            let domains = [&config.source, domain];
            pair::known([source, wanted], domains, tag)
        });
        let wanted = wanted.and_then(|wanted| domain.in_channels(wanted).ok());
        let (output, wanted) = match (wanted, &mask) {
            (Some(wanted), Some(mask)) => {
                // without data, both are the middle of their range
                let wanted = domain.filled(&wanted, mask);
                let output = domain.filled(output, mask);
                (Cow::Owned(output), Some(wanted))
            }
            (wanted, _) => (Cow::Borrowed(output), wanted),
        };
        let known = mask.as_ref().map(Picture::bytes);
        let has_data = mask.as_ref().is_none_or(nodata::has_data);
        let scores = wanted.as_ref().filter(|_| has_data);
        let scores =
            scores.map(|wanted| PictureScores::of(&name, [&output, wanted], domain, known));
        self.gallery
            .add(&name, [source, &output], wanted.as_ref(), scores.as_ref());
    }
}
