//! What `pix2pix evaluate` says besides the scores.

use pix2pix::data::pair::Direction;
use pix2pix::data::picture::Outside;
use pix2pix::data::{Domain, Pairs};
use pix2pix::report::Evaluation;
use pix2pix::{Error, RunConfig, one_line};

use crate::words;

/// What to say of sources and of targets of other channels or another depth than those of training, by the first pair.
pub fn unlike(config: &RunConfig, pairs: &Pairs) -> Result<Vec<String>, Error> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let [source, target] = config.direction.order(pairs.headers(0)?);
    let sides = [
        ("source", &config.source, source),
        ("target", &config.target, target),
    ];
    let said = sides.into_iter().filter_map(|(side, domain, header)| {
        let found = domain.conversion(header.channels, header.depth)?;
        let name = one_line(pairs.name(0));
        Some(format!("the {side} of {name} has {found}"))
    });
    Ok(said.collect())
}

/// What to say of pairs without data.
pub fn left_out(names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [name] => Some(format!(
            "1 pair has no pixel with data and is not scored: {}",
            one_line(name)
        )),
        [first, ..] => Some(format!(
            "{} pairs have no pixel with data and are not scored, the first of them {}",
            names.len(),
            one_line(first)
        )),
    }
}

/// What to say of values of the sources and of the targets outside of the model's domains.
pub fn clipped(domains: [&Domain; 2], outside: &[Outside; 2]) -> Vec<String> {
    let sides = ["sources", "targets"].into_iter().zip(domains);
    let found = sides.zip(outside).filter(|(_, count)| count.clipped > 0);
    let said = found.map(|((side, domain), count)| {
        let [what, fate] = words::clipped(domain);
        format!("{} of the {what} of the {side} {fate}", count.share())
    });
    said.collect()
}

/// Notes on models whose scores do not compare: that were measured on different pairs or at different sizes, translate in
/// different directions, or have other `targets`.
pub fn apart(
    evaluations: &[Evaluation],
    directions: &[Direction],
    targets: &[Domain],
) -> Vec<String> {
    let mut notes = Vec::new();
    fn names(found: &Evaluation) -> impl Iterator<Item = &str> {
        found.pictures.iter().map(|picture| picture.name.as_str())
    }
    if evaluations
        .iter()
        .any(|found| !names(found).eq(names(&evaluations[0])))
    {
        notes.push(
            "note: the models were measured on different pairs, so their scores do not compare; split the data once, \
             with `pix2pix prepare split`"
                .to_string(),
        );
    }
    let sizes = evaluations.iter().map(|found| found.sizes());
    let sizes: Vec<String> = sizes.collect();
    if sizes.iter().any(|size| *size != sizes[0]) {
        notes.push(format!(
            "note: the models were measured at different sizes ({}), so their scores do not compare: the \
             smaller, the less detail there is to get wrong",
            sizes.join(", ")
        ));
    }
    if directions
        .iter()
        .any(|direction| *direction != directions[0])
    {
        notes.push(
            "note: the models translate in different directions, so their scores are those of different targets"
                .to_string(),
        );
    }
    if targets
        .iter()
        .any(|target| !target.is_scored_as(&targets[0]))
    {
        let targets: Vec<String> = targets.iter().map(Domain::to_string).collect();
        notes.push(format!(
            "note: the models have other targets ({}), so their scores do not compare",
            targets.join("; ")
        ));
    }
    notes
}
