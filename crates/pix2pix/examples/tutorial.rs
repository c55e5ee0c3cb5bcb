//! pix2pix from scratch, on pictures inside the library. docs/tutorial.md explains every function.
//! `cargo run --release --example tutorial -- [STEPS] [FOLDER]`

use pix2pix::data::{Domain, Pairs, earth::earth};
use pix2pix::device::{Device, for_training};
use pix2pix::draw::{contact_sheet, plot};
use pix2pix::network::{Generator, Init, Noise, PatchGan, PatchGanConfig, UnetConfig, summary};
use pix2pix::train::{Adam, Composite, Learner, Objective};
use pix2pix::{Result, Translator, burn::tensor::Tensor, model::Checkpoint};

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
    let (pairs, objective, rate) = (earth().train, Objective::default(), 2e-4);
    let mut g = Learner::new(g, Adam::default());
    let mut d = Learner::new(d, Adam::default());
    let mut noise = Noise::on();
    for step in 1..=steps {
        let [source, target] = select_real_samples(&pairs, step, device)?;
        let fake = generate_fake_samples(g.network(), &source, &mut noise);
        let judge = |image| d.network().forward(source.clone(), image);
        let d_loss = objective.discriminator(judge(target.clone()), judge(fake));
        d.minimize(d_loss.total, rate)?;

        let composite = define_composite(g.network(), d.network());
        let output = composite.forward(source, &mut noise);
        let g_loss = output.losses(target, &objective);
        g.minimize(g_loss.total, rate)?;

        let losses = [d_loss.real, d_loss.fake, g_loss.adversarial, g_loss.l1];
        let [real, fake, gan, l1] = losses.map(|loss| loss.into_scalar::<f32>());
        println!("{step:>4}: d_real {real:.3}, d_fake {fake:.3}, g_gan {gan:.3}, g_l1 {l1:.3}");
    }
    Ok((g.into_network(), d.into_network()))
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let steps = words.next().map_or(60, |n| n.parse().expect("a number"));
    let folder = std::path::PathBuf::from(words.next().unwrap_or(".".into()));
    let device = for_training(&Device::flex(), false);
    let d = define_discriminator(16, &device)?;
    let g = define_generator(16, &device)?;
    let shape = [3, 256, 256];
    let composite = define_composite(&g, &d).layers(shape, shape);
    for layers in [d.layers(shape, shape), g.layers(shape), composite] {
        println!("{}", summary::table(&layers));
        let drawing = format!("tutorial-{}.svg", layers.name);
        plot::save(folder.join(drawing), &layers)?;
    }
    let (g, d) = train(g, d, steps, &device)?;

    let model = folder.join("tutorial.safetensors");
    Checkpoint::of_networks(&g, &d, steps).save(&model)?;
    let pair = earth().val.expect("held-out pairs").read(7)?;
    let output = Translator::load(&model)?.translate_exactly(&pair.source, &Default::default());
    let rows = [contact_sheet::Row::of(&pair, &output, [Domain::RGB8; 2])];
    let title = format!("The tutorial after {steps} steps");
    contact_sheet::save(folder.join("tutorial-translated.jpg"), &title, &rows)
}
