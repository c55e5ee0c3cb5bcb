//! pix2pix from scratch, as docs/tutorial.md explains it, on pictures inside the library:
//! `cargo run --release --example tutorial -- [STEPS] [FOLDER]`

use pix2pix::burn::tensor::Tensor;
use pix2pix::data::{Domain, Pairs, earth::earth, picture::write_png};
use pix2pix::device::{Device, for_training};
use pix2pix::draw::{contact_sheet, plot};
use pix2pix::network::{Generator, Noise, PatchGan, PatchGanConfig, UnetConfig, summary};
use pix2pix::train::{Adam, Composite, Learner, Objective};
use pix2pix::{Result, Translator, model::Checkpoint};

fn define_discriminator(filters: usize, device: &Device) -> Result<PatchGan> {
    let paper = PatchGanConfig::default();
    PatchGanConfig { filters, ..paper }.init(device)
}

fn define_generator(filters: usize, device: &Device) -> Result<Generator> {
    let paper = UnetConfig::default();
    Ok(UnetConfig { filters, ..paper }.init(device)?.into())
}

fn define_composite<'a>(generator: &'a Generator, discriminator: &PatchGan) -> Composite<'a> {
    Composite::new(generator, discriminator)
}

fn select_real_samples(pairs: &Pairs, step: u64, device: &Device) -> Result<[Tensor<4>; 2]> {
    pairs.batch(step, 1, device)
}

fn generate_fake_samples(g: &Generator, source: &Tensor<4>, noise: &mut Noise) -> Tensor<4> {
    g.forward(source.clone(), noise).detach()
}

fn train(g: Generator, d: PatchGan, steps: u64, device: &Device) -> Result<(Generator, PatchGan)> {
    let (data, objective, rate) = (earth(), Objective::default(), 2e-4);
    let mut noise = Noise::on();
    let mut generator = Learner::new(g, Adam::default());
    let mut discriminator = Learner::new(d, Adam::default());
    for step in 0..steps {
        let [source, target] = select_real_samples(&data.train, step, device)?;
        let fake = generate_fake_samples(generator.network(), &source, &mut noise);

        let judge = |image| discriminator.network().forward(source.clone(), image);
        let d_loss = objective.discriminator(judge(target.clone()), judge(fake));
        discriminator.minimize(d_loss.total, rate)?;

        let composite = define_composite(generator.network(), discriminator.network());
        let g_loss = composite
            .forward(source, &mut noise)
            .losses(target, &objective);
        drop(composite);
        generator.minimize(g_loss.total, rate)?;

        let losses = [d_loss.real, d_loss.fake, g_loss.adversarial, g_loss.l1];
        let [d1, d2, gan, l1] = losses.map(|loss| loss.into_scalar::<f32>());
        println!(
            "step {:>3}  d1 {d1:.3}  d2 {d2:.3}  gan {gan:.3}  L1 {l1:.3}",
            step + 1
        );
    }
    Ok((generator.into_network(), discriminator.into_network()))
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let steps = words
        .first()
        .map_or(60, |steps| steps.parse().expect("a number of steps"));
    let file = |name| std::path::Path::new(words.get(1).map_or(".", |at| at)).join(name);

    let device = for_training(&Device::flex(), false);
    let discriminator = define_discriminator(16, &device)?;
    let generator = define_generator(16, &device)?;
    let composite = define_composite(&generator, &discriminator);
    let picture = [3, 256, 256];
    let discriminator_layers = discriminator.layers(picture, picture);
    for layers in [
        discriminator_layers,
        generator.layers(picture),
        composite.layers(picture, picture),
    ] {
        println!("{}", summary::table(&layers));
        plot::save(file(format!("tutorial-{}.png", layers.name)), &layers)?;
    }
    let (generator, discriminator) = train(generator, discriminator, steps, &device)?;

    let model = file("tutorial.safetensors".to_string());
    Checkpoint::of_networks(&generator, &discriminator, steps).save(&model)?;
    let translator = Translator::load(&model)?;
    let held_out = earth().val.expect("eight pairs").read(0)?;
    let output = translator.translate_exactly(&held_out.source, &mut Noise::on());
    let row = contact_sheet::Row::of(&held_out, &output, [Domain::RGB8; 2]);
    write_png(
        &file("tutorial-translated.png".to_string()),
        &contact_sheet::draw("tutorial", &[row]),
    )
}
