//! What the curves of a run say, in sentences. Each judgment is a rule with its numbers here; where the values give no
//! ground, nothing is said.

use serde::Serialize;

use crate::quality::Score;
use crate::run::health::{Collapse, RECENT, WON};
use crate::run::{History, L1_OF_CLASSES, Warning};
use crate::train::objective::Gan;

/// Fewest values of a loss for a sentence about it.
const FEWEST: usize = 25;
/// Relative change that counts as one, if it is also beyond the scatter of the values.
const CHANGE: f64 = 0.02;
/// Number of standard errors of a difference below which it may be chance.
const SCATTER: f64 = 3.0;
/// Relative rise of the training pairs' L1 that is told as a fault.
const RISE: f64 = 0.1;
/// Fewest values in the average of the discriminator's loss over the last steps.
const FEWEST_RECENT: usize = 10;
/// Factor by which the adversarial loss of the last fifth exceeds that of the second, if it climbs.
const CLIMB: f64 = 1.5;
/// Relative rise of the held-out L1, and fall of the training pairs', that is overfitting.
const APART: f64 = 0.05;
/// Number of neighboring samplings that are averaged to compare them.
const NEIGHBORS: usize = 3;
/// Fewest samplings for a sentence about a score, and for a judgment.
const SAMPLINGS: [usize; 2] = [4, 6];

/// A step and its value.
type Point = (u64, f64);

/// A sentence about a curve of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The sentence. Steps are written as "step 1200".
    pub text: String,
    /// Whether it is a fault.
    pub fault: bool,
}

impl Finding {
    fn plain(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        Some(Self { text, fault: false })
    }

    fn fault(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        Some(Self { text, fault: true })
    }
}

/// What a healthy curve of this key looks like.
pub fn healthy(key: &str) -> &'static str {
    match key {
        "g_l1" | L1_OF_CLASSES => {
            "Falls fast at first, slowly later. Single steps scatter; the smoothed line counts."
        }
        "g_gan" => {
            "Settles on a level, as the discriminator gets better too. A steady climb means that the discriminator is \
             getting ahead."
        }
        "d_real" | "d_fake" => {
            "Stays between 0, where the discriminator has won, and the level of guessing: 0.69 with cross-entropy, 0.25 \
             with least squares, 1 with hinge."
        }
        "l1" => {
            "Falls together with that of the training pairs, then levels off. If it rises while that falls, the network \
             learns the training pairs by heart."
        }
        "lr" => "Constant in the paper. A schedule lowers it, so that the weights come to rest.",
        "augment" => {
            "Rises while the discriminator is too sure of the training pairs, and levels off. At 1, more pairs would help."
        }
        key => match key.parse::<Score>() {
            Ok(score) if !score.measure().higher => "Falls, then levels off.",
            _ => "Rises, then levels off.",
        },
    }
}

/// What the curve of this key shows of a run; `l1` is the L1 of its training pairs as the report shows it.
pub fn of(history: &History, key: &str, l1: &[Point]) -> Option<Finding> {
    let gan = history.config.objective.gan;
    let series = |key| history.series(key);
    match key {
        "g_l1" | L1_OF_CLASSES => collapse(l1, &history.warnings).or_else(|| training_l1(l1)),
        "g_gan" => {
            let won = has_won(&series("d_real"), &series("d_fake"), gan);
            adversarial(&series(key), won.is_some(), gan)
        }
        "d_real" | "d_fake" => {
            discriminator(&series(key), &series("d_real"), &series("d_fake"), gan)
        }
        "lr" => rate(&series(key)),
        "augment" => augmented(&series(key)),
        key => held_out(key.parse().ok()?, &series(key), l1),
    }
}

/// Mean and standard error of values.
fn mean(values: &[Point]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|(_, value)| value).sum::<f64>() / count;
    let squares: f64 = values.iter().map(|(_, value)| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0) / count).sqrt())
}

/// A fifth of the values, 0 to 4; `None` if there are too few.
fn fifth(points: &[Point], index: usize) -> Option<&[Point]> {
    let count = points.len();
    (count >= FEWEST).then(|| &points[count * index / 5..count * (index + 1) / 5])
}

/// Whether the values of `b` are higher than those of `a` by more than their scatter and `share` of them.
fn is_higher(a: &[Point], b: &[Point], share: f64) -> bool {
    let ((a, of_a), (b, of_b)) = (mean(a), mean(b));
    let scatter = SCATTER * of_a.hypot(of_b);
    b - a > scatter && b - a > share * a.abs()
}

/// The L1 of the training pairs.
fn training_l1(points: &[Point]) -> Option<Finding> {
    let [first, before, last] = [0, 3, 4].map(|index| fifth(points, index));
    let (first, before, last) = (first?, before?, last?);
    let [from, to] = [first, last].map(|part| short(mean(part).0));
    if is_higher(before, last, RISE) {
        let was = short(mean(before).0);
        return Finding::fault(format!(
            "It rises: {to} in the last fifth of the steps, after {was} in the one before. If this goes on, a lower \
             learning rate helps."
        ));
    }
    let trend = match (
        is_higher(last, before, CHANGE),
        is_higher(before, last, CHANGE),
    ) {
        (true, _) => "still falling",
        (_, true) => "a little higher than in the one before",
        _ => "level with the one before",
    };
    Finding::plain(format!(
        "From {from} in the first fifth of the steps to {to} in the last, {trend}."
    ))
}

/// Outputs that have become flat or no longer depend on the input, as far as the L1 has not fallen since.
fn collapse(l1: &[Point], warnings: &[Warning]) -> Option<Finding> {
    let mut newest = warnings.iter().rev();
    let told = newest.find_map(|warning| Some((warning.step, Collapse::told_by(warning)?.name())));
    let (step, sign) = told?;
    let at = l1.partition_point(|(at, _)| *at <= step);
    let (before, since) = l1.split_at(at);
    let before = &before[before.len().saturating_sub(FEWEST)..];
    let last = &since[since.len().saturating_sub(FEWEST)..];
    let recovered = since.len() >= FEWEST && mean(last).0 < (1.0 - APART) * mean(before).0;
    if recovered {
        return None;
    }
    let so_far = match since.len() >= FEWEST {
        true => "and the L1 has not fallen since",
        false => "and few steps have followed",
    };
    Finding::fault(format!(
        "The generator may have collapsed: at step {step}, {sign}, {so_far}."
    ))
}

/// The discriminator's losses over the last steps, if it has won.
fn has_won(real: &[Point], fake: &[Point], gan: Gan) -> Option<Recent> {
    // Wasserstein losses do not approach 0 when the discriminator wins
    if gan == Gan::WassersteinPenalty {
        return None;
    }
    let both = Recent::of_both(real, fake)?;
    (both.mean < f64::from(WON)).then_some(both)
}

/// The mean of the newest values of a loss, and the number of steps that they stand for.
struct Recent {
    mean: f64,
    steps: u64,
}

impl Recent {
    /// Of the last [`RECENT`] steps, or of more where these have fewer than [`FEWEST_RECENT`] values; `None` if there are too
    /// few.
    fn of(points: &[Point]) -> Option<Self> {
        let (last, _) = *points.last()?;
        let from = last.checked_sub(RECENT)?;
        let start = points.partition_point(|(step, _)| *step <= from);
        let start = start.min(points.len().checked_sub(FEWEST_RECENT)?);
        let before = start.checked_sub(1).map_or(0, |before| points[before].0);
        Some(Self {
            mean: mean(&points[start..]).0,
            steps: last - before,
        })
    }

    /// The mean of the discriminator's two losses, which are logged together.
    fn of_both(real: &[Point], fake: &[Point]) -> Option<Self> {
        let (real, fake) = (Self::of(real)?, Self::of(fake)?);
        Some(Self {
            mean: (real.mean + fake.mean) / 2.0,
            steps: real.steps,
        })
    }
}

/// The loss of a discriminator that guesses; `None` where that has no level.
fn guessing(gan: Gan) -> Option<f64> {
    match gan {
        Gan::Bce => Some(2f64.ln()),
        Gan::LeastSquares => Some(0.25),
        Gan::Hinge => Some(1.0),
        Gan::WassersteinPenalty => None,
    }
}

/// One of the discriminator's losses.
fn discriminator(own: &[Point], real: &[Point], fake: &[Point], gan: Gan) -> Option<Finding> {
    if let Some(Recent { mean, steps }) = has_won(real, fake, gan) {
        return Finding::fault(format!(
            "The discriminator has won: its mean loss over the last {steps} steps is {}, so the generator learns from \
             L1 alone.",
            short(mean)
        ));
    }
    let level = guessing(gan)?;
    let (own, both) = (Recent::of(own)?, Recent::of_both(real, fake)?);
    let judged = match both.mean / level {
        share if share > 0.9 => "the discriminator does little better than guessing",
        share if share < 0.25 => "the discriminator is ahead",
        _ => "the two networks are in balance",
    };
    Finding::plain(format!(
        "{} on average over the last {} steps: {judged}.",
        short(own.mean),
        own.steps
    ))
}

/// The generator's adversarial loss.
fn adversarial(points: &[Point], won: bool, gan: Gan) -> Option<Finding> {
    let (early, last) = (fifth(points, 1)?, fifth(points, 4)?);
    let [from, to] = [early, last].map(|part| short(mean(part).0));
    if won {
        return Finding::fault(format!(
            "{to} in the last fifth of the steps: the discriminator has won."
        ));
    }
    // without bounds, the level of a Wasserstein or hinge loss means nothing
    let has_level = matches!(gan, Gan::Bce | Gan::LeastSquares);
    Finding::plain(match has_level && is_higher(early, last, CLIMB - 1.0) {
        true => format!(
            "Climbs from {from} in the second fifth of the steps to {to} in the last: the discriminator is getting \
             ahead."
        ),
        false => format!("{to} in the last fifth of the steps, {from} in the second."),
    })
}

/// The learning rate.
fn rate(points: &[Point]) -> Option<Finding> {
    let ((_, first), (_, last)) = (*points.first()?, *points.last()?);
    let rise = points.windows(2).find(|pair| pair[1].1 > pair[0].1 * 1.001);
    if let Some([(_, from), (step, to)]) = rise {
        return Finding::fault(format!(
            "Rises from {} to {} at step {step}: the run was resumed with another number of steps or time, and its \
             schedule began again.",
            short(*from),
            short(*to)
        ));
    }
    let (from, to) = (short(first), short(last));
    Finding::plain(match first == last {
        true => format!("Constant at {from}."),
        false => format!("From {from} to {to}."),
    })
}

/// The probability of augmentations.
fn augmented(points: &[Point]) -> Option<Finding> {
    let (_, last) = *points.last()?;
    Finding::plain(match last {
        1.0 => "1: all pairs are augmented, and the discriminator is still too sure of them."
            .to_string(),
        last => format!("{} now.", short(last)),
    })
}

/// A score of the held-out pairs.
fn held_out(score: Score, points: &[Point], training: &[Point]) -> Option<Finding> {
    let [fewest, to_judge] = SAMPLINGS;
    if points.len() < fewest {
        return None;
    }
    if score == Score::L1
        && points.len() >= to_judge
        && let Some(found) = apart(points, training)
    {
        return Some(found);
    }
    let better = |a: &Point, b: &Point| score.is_better(a.1, b.1);
    let best = (1..points.len()).fold(0, |best, at| match better(&points[at], &points[best]) {
        true => at,
        false => best,
    });
    let (step, value) = points[best];
    let since = points.len() - 1 - best;
    let value = short(value);
    Finding::plain(match since {
        0 => format!("The newest is the best: {value} at step {step}."),
        1 => format!("Best: {value} at step {step}; the sampling since then is no better."),
        _ => {
            format!("Best: {value} at step {step}; the {since} samplings since then are no better.")
        }
    })
}

/// Held-out pairs that get worse while the training pairs get better, or do not.
fn apart(points: &[Point], training: &[Point]) -> Option<Finding> {
    let around: Vec<&[Point]> = points.windows(NEIGHBORS).collect();
    let means: Vec<f64> = around.iter().map(|part| mean(part).0).collect();
    let best = (0..means.len()).min_by(|a, b| means[*a].total_cmp(&means[*b]))?;
    let last = means.len() - 1;
    // neighbors that overlap are no comparison
    if last < best + NEIGHBORS || means[last] < (1.0 + APART) * means[best] {
        return None;
    }
    let step = around[best][NEIGHBORS / 2].0;
    let within = |part: &[Point]| -> Vec<Point> {
        let steps = part[0].0..=part[NEIGHBORS - 1].0;
        let inside = training.iter().filter(|(step, _)| steps.contains(step));
        inside.copied().collect()
    };
    let [then, now] = [best, last].map(|index| within(around[index]));
    if then.len() < NEIGHBORS || now.len() < NEIGHBORS {
        return None;
    }
    let [was, is] = [means[best], means[last]].map(short);
    let [trained_was, trained_is] = [mean(&then).0, mean(&now).0];
    if trained_is < (1.0 - APART) * trained_was {
        return Finding::fault(format!(
            "Overfitting: since about step {step} it rose from {was} to {is}, while the L1 of the training pairs fell \
             from {} to {}. A checkpoint of that step is better than the newest; more pairs, augmentation or fewer \
             filters help.",
            short(trained_was),
            short(trained_is)
        ));
    }
    Finding::plain(format!(
        "Since about step {step} it rose from {was} to {is}; the L1 of the training pairs did not fall meanwhile, so \
         this is no overfitting."
    ))
}

/// A number with three digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_string(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        size if size >= 0.01 => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve of 100 values, every ten steps, that scatter by `scatter` around a shape of 0 to 1.
    fn curve(scatter: f64, shape: impl Fn(f64) -> f64) -> Vec<Point> {
        let noise = |n: u64| scatter * if n.is_multiple_of(2) { 1.0 } else { -1.0 };
        let points = (1..=100u64).map(|n| (10 * n, shape(n as f64 / 100.0) + noise(n)));
        points.collect()
    }

    #[track_caller]
    fn says(found: Option<Finding>, fault: bool, told: &str) {
        let found = found.expect("a sentence");
        assert!(found.text.contains(told), "{found:?}");
        assert_eq!(found.fault, fault, "{found:?}");
    }

    #[test]
    fn the_l1_of_training_pairs_falls_or_rises() {
        says(
            training_l1(&curve(2.0, |x| 60.0 - 40.0 * x)),
            false,
            "still falling",
        );
        says(
            training_l1(&curve(2.0, |x| 60.0 - 40.0 * x.min(0.5))),
            false,
            "to 40.0 in the last, level",
        );
        says(
            training_l1(&curve(2.0, |x| 30.0 + 100.0 * (x - 0.6).max(0.0))),
            true,
            "It rises: 60.5 in the last",
        );
        // beyond a tenth, but within the scatter
        says(
            training_l1(&curve(30.0, |x| if x > 0.8 { 34.0 } else { 30.0 })),
            false,
            "level",
        );
        assert_eq!(
            training_l1(&curve(2.0, |x| x)[..20]),
            None,
            "too few values"
        );
    }

    #[test]
    fn a_discriminator_that_has_won_is_told_and_no_other() {
        let flat = |value: f64| curve(0.001, move |_| value);
        let judged = |real: f64, fake: f64, gan| {
            let (real, fake) = (flat(real), flat(fake));
            discriminator(&real, &real, &fake, gan)
        };
        says(
            judged(0.01, 0.02, Gan::Bce),
            true,
            "has won: its mean loss over the last 200 steps is 0.015",
        );
        says(
            judged(0.30, 0.50, Gan::Bce),
            false,
            "0.300 on average over the last 200 steps: the two networks are in balance",
        );
        says(judged(0.10, 0.12, Gan::Bce), false, "is ahead");
        says(judged(0.69, 0.68, Gan::Bce), false, "guessing");
        says(judged(0.24, 0.25, Gan::LeastSquares), false, "guessing");
        says(judged(0.24, 0.25, Gan::Hinge), false, "is ahead");
        assert_eq!(judged(-9.0, 5.0, Gan::WassersteinPenalty), None);
        assert_eq!(judged(0.001, 0.001, Gan::WassersteinPenalty), None);
        // won early, but no longer
        let early = curve(0.0, |x| if x < 0.5 { 0.001 } else { 0.4 });
        says(
            discriminator(&early, &early, &early, Gan::Bce),
            false,
            "balance",
        );
        let short = &early[..15];
        assert_eq!(
            discriminator(short, short, short, Gan::Bce),
            None,
            "150 steps"
        );
    }

    /// Ten values are averaged, of however many steps.
    #[test]
    fn the_steps_that_are_averaged_are_named() {
        let logged = |every: u64, count: u64, loss: f64| -> Vec<Point> {
            (1..=count).map(|n| (n * every, loss)).collect()
        };
        for (every, count, steps) in [
            (1, 1000, 200),
            (10, 100, 200),
            (20, 50, 200),
            (30, 30, 300),
            (100, 20, 1000),
            (100, 10, 1000),
        ] {
            let [lost, even] = [0.015625, 0.375].map(|loss| logged(every, count, loss));
            says(
                discriminator(&lost, &lost, &lost, Gan::Bce),
                true,
                &format!("its mean loss over the last {steps} steps is 0.016,"),
            );
            says(
                discriminator(&even, &even, &even, Gan::Bce),
                false,
                &format!("0.375 on average over the last {steps} steps: "),
            );
        }
        let few = logged(100, 9, 0.015625);
        assert_eq!(discriminator(&few, &few, &few, Gan::Bce), None);
    }

    #[test]
    fn an_adversarial_loss_climbs_or_does_not() {
        let climbing = curve(0.1, |x| 1.0 + 4.0 * x);
        says(
            adversarial(&climbing, false, Gan::Bce),
            false,
            "Climbs from 2.22 in the second fifth of the steps to 4.62",
        );
        says(
            adversarial(&climbing, true, Gan::Bce),
            true,
            "the discriminator has won",
        );
        says(
            adversarial(&climbing, false, Gan::Hinge),
            false,
            "4.62 in the last fifth",
        );
        says(
            adversarial(&curve(0.5, |_| 2.0), false, Gan::Bce),
            false,
            "2.00 in the last fifth of the steps, 2.00",
        );
    }

    #[test]
    fn a_collapse_is_told_unless_the_l1_has_fallen_since() {
        let warning = |step, text: &str| Warning {
            step,
            warning: text.to_string(),
        };
        let flat = [
            warning(400, "the outputs are flat: all pixels"),
            warning(500, "the discriminator has won: x"),
        ];
        let level = curve(1.0, |_| 50.0);
        says(
            collapse(&level, &flat),
            true,
            "at step 400, the outputs are flat, and the L1 has not fallen since",
        );
        says(
            collapse(&level[..45], &flat),
            true,
            "few steps have followed",
        );
        assert_eq!(
            collapse(&curve(1.0, |x| 60.0 - 30.0 * x), &flat),
            None,
            "it has recovered"
        );
        assert_eq!(collapse(&level, &flat[1..]), None);
    }

    #[test]
    fn a_healthy_score_goes_to_its_good_end() {
        let rises = Score::ALL.map(|score| healthy(score.name()).starts_with("Rises"));
        let [l1, psnr, ssim, swd, spectrum, lpips, accuracy, iou] = rises;
        assert!(psnr && ssim && accuracy && iou);
        assert!(!l1 && !swd && !spectrum && !lpips);
    }

    #[test]
    fn overfitting_needs_both_curves() {
        let samplings = |shape: fn(f64) -> f64| -> Vec<Point> {
            curve(0.0, shape).into_iter().skip(9).step_by(10).collect()
        };
        let valley = samplings(|x| 30.0 + 20.0 * (x - 0.4).abs());
        let falling = curve(1.0, |x| 40.0 - 30.0 * x);
        says(
            held_out(Score::L1, &valley, &falling),
            true,
            "Overfitting: since about step 400 it rose from 31.3 to 40.0",
        );
        let level = curve(1.0, |_| 25.0);
        says(
            held_out(Score::L1, &valley, &level),
            false,
            "no overfitting",
        );
        // a last sampling alone is no ground, nor is a rise within a twentieth
        let mut bump = samplings(|x| 40.0 - 20.0 * x);
        bump[9].1 = 30.0;
        says(
            held_out(Score::L1, &bump, &falling),
            false,
            "Best: 22.0 at step 900; the sampling since then is no better",
        );
        says(
            held_out(
                Score::L1,
                &samplings(|x| 30.0 + 2.0 * (x - 0.4).abs()),
                &falling,
            ),
            false,
            "Best: 30.0 at step 400; the 6 samplings",
        );
        says(held_out(Score::L1, &valley[..5], &falling), false, "Best");
        assert_eq!(held_out(Score::L1, &valley[..3], &falling), None);
        // of similarities, the highest is the best
        says(
            held_out(Score::Ssim, &samplings(|x| x), &falling),
            false,
            "The newest is the best: 1.00 at step 1000",
        );
    }

    #[test]
    fn the_newest_probability_of_augmentations_is_told() {
        says(augmented(&curve(0.0, |x| 0.3 * x)), false, "0.300 now.");
        says(
            augmented(&curve(0.0, |x| (2.0 * x).min(1.0))),
            false,
            "1: all pairs",
        );
        assert_eq!(augmented(&[]), None);
    }

    #[test]
    fn a_schedule_that_begins_again_is_told() {
        says(rate(&curve(0.0, |_| 2e-4)), false, "Constant at 2.0e-4.");
        says(
            rate(&curve(0.0, |x| 2e-4 * (1.0 - x))),
            false,
            "From 2.0e-4 to 0.",
        );
        let resumed = curve(0.0, |x| {
            2e-4 * if x <= 0.5 { 1.0 - 2.0 * x } else { 1.0 - x }
        });
        says(rate(&resumed), true, "at step 510: the run was resumed");
        assert_eq!(rate(&[]), None);
    }
}
