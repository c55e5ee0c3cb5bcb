//! Options of the public PyTorch port (pytorch-CycleGAN-and-pix2pix) and of pix2pixHD, answered with ours.
//! docs/from-pytorch.md has the same table for readers; the tests compare them.

use std::ffi::OsString;

use clap::Command;

/// An option of the port, a value that it is given ("" for any), and what to type instead.
pub const ANSWERS: [(&str, &str, &str); 103] = [
    ("--dataroot", "", "give the folder as DATA"),
    ("--name", "", "use --out RUN"),
    ("--checkpoints_dir", "", "use --out RUN"),
    ("--results_dir", "", "use --out DIR"),
    ("--model", "", "omit it"),
    ("--dataset_mode", "", "omit it"),
    ("--phase", "", "use --split of evaluate"),
    ("--direction", "AtoB", "use --direction a-to-b"),
    ("--direction", "BtoA", "use --direction b-to-a"),
    ("--input_nc", "", "use --channels-a"),
    ("--output_nc", "", "use --channels-b"),
    ("--load_size", "", "use --load-size"),
    ("--crop_size", "", "use --crop-size"),
    (
        "--preprocess",
        "resize_and_crop",
        "use --resize scale-and-crop",
    ),
    ("--preprocess", "crop", "use --resize crop"),
    (
        "--preprocess",
        "scale_width",
        "use --resize scale-width, with the port's load size as --crop-size",
    ),
    (
        "--preprocess",
        "scale_width_and_crop",
        "resize the pictures before, and use --resize crop",
    ),
    ("--preprocess", "none", "use --resize none"),
    ("--preprocess", "", "use --resize"),
    ("--no_flip", "", "use --no-mirror"),
    ("--max_dataset_size", "", "give a smaller folder"),
    ("--serial_batches", "", "omit it: the order follows --seed"),
    ("--num_threads", "", "use --workers"),
    ("--batch_size", "", "use --batch-size"),
    ("--ngf", "", "use --filters"),
    ("--ndf", "", "use --filters"),
    ("--netG", "unet_256", "use --generator unet"),
    (
        "--netG",
        "unet_128",
        "use --generator unet --load-size 143 --crop-size 128",
    ),
    ("--netG", "resnet_6blocks", "use --generator resnet-6"),
    ("--netG", "resnet_9blocks", "use --generator resnet-9"),
    ("--netG", "global", "use --generator hd-coarse"),
    (
        "--netG",
        "local",
        "use --generator hd --from a run of hd-coarse",
    ),
    ("--netG", "", "use --generator"),
    ("--netD", "basic", "use --patch 70"),
    ("--netD", "pixel", "use --patch pixel"),
    ("--netD", "n_layers", "use --patch 16, 70 or 286"),
    ("--netD", "", "use --patch"),
    ("--n_layers_D", "1", "use --patch 16"),
    ("--n_layers_D", "3", "use --patch 70"),
    ("--n_layers_D", "5", "use --patch 286"),
    ("--n_layers_D", "", "use --patch 16, 70 or 286"),
    ("--norm", "syncbatch", "use --norm batch --sync-norm"),
    ("--no_dropout", "", "use --dropout 0"),
    ("--init_type", "", "omit it: weights are normal"),
    ("--init_gain", "", "omit it: their deviation is 0.02"),
    ("--gpu_ids", "-1", "use --device cpu"),
    ("--gpu_ids", "0", "use --device cuda:0"),
    ("--gpu_ids", "", "use --device cuda:N"),
    ("--n_epochs", "", "add it to --epochs"),
    (
        "--n_epochs_decay",
        "",
        "add it to --epochs, and use --lr-schedule linear --decay-epochs",
    ),
    ("--epoch_count", "", "omit it: --resume knows it"),
    ("--lr_policy", "linear", "use --lr-schedule linear"),
    ("--lr_policy", "step", "use --lr-schedule step"),
    ("--lr_policy", "cosine", "use --lr-schedule cosine"),
    ("--lr_policy", "plateau", "use --lr-schedule plateau"),
    ("--lr_policy", "", "use --lr-schedule"),
    ("--lr_decay_iters", "", "use --decay-epochs"),
    ("--gan_mode", "vanilla", "use --gan bce"),
    ("--gan_mode", "lsgan", "use --gan lsgan"),
    ("--gan_mode", "wgangp", "use --gan wgan-gp"),
    ("--gan_mode", "", "use --gan"),
    ("--no_lsgan", "", "omit it: --gan bce is the default"),
    ("--lambda_L1", "", "use --lambda"),
    ("--pool_size", "", "use --pool"),
    ("--continue_train", "", "use --resume RUN"),
    ("--load_iter", "", "omit it: --resume knows it"),
    (
        "--epoch",
        "",
        "omit it: --resume finds the newest checkpoint; --epochs is the number of epochs",
    ),
    ("--print_freq", "", "use --log-every"),
    ("--display_freq", "", "use --sample-every"),
    ("--display_id", "", "use --report or --serve"),
    ("--display_port", "", "use --report or --serve"),
    ("--display_server", "", "use --report or --serve"),
    ("--display_env", "", "omit it"),
    ("--display_ncols", "", "omit it"),
    ("--display_winsize", "", "omit it"),
    ("--update_html_freq", "", "use --sample-every"),
    ("--no_html", "", "omit it"),
    ("--save_latest_freq", "", "use --save-every"),
    ("--save_epoch_freq", "", "use --save-every"),
    ("--save_by_iter", "", "omit it"),
    ("--use_wandb", "", "use --tensorboard"),
    ("--wandb_project_name", "", "omit it"),
    ("--num_test", "", "give fewer files"),
    ("--eval", "", "omit it"),
    ("--aspect_ratio", "", "omit it: sizes are kept"),
    ("--verbose", "", "omit it"),
    ("--suffix", "", "omit it"),
    ("--model_suffix", "", "omit it"),
    ("--fold_A", "", "give the folder of A/ and B/ as INPUT"),
    ("--fold_B", "", "give the folder of A/ and B/ as INPUT"),
    ("--fold_AB", "", "use --out DATA"),
    ("--n_downsample_global", "", "omit it: four times"),
    ("--n_blocks_global", "", "omit it: nine"),
    ("--n_local_enhancers", "", "omit it: one"),
    ("--n_blocks_local", "", "omit it: three"),
    (
        "--niter_fix_global",
        "",
        "use --freeze coarse in a run before this one",
    ),
    ("--load_pretrain", "", "use --from RUN"),
    ("--num_D", "", "use --discriminators"),
    ("--lambda_feat", "", "use --feature-matching"),
    (
        "--no_ganFeat_loss",
        "",
        "omit it: --feature-matching 0 is the default",
    ),
    (
        "--no_vgg_loss",
        "",
        "omit it: --perceptual 0 is the default",
    ),
    ("--label_nc", "", "use --labels-a"),
    ("--no_instance", "", "omit it"),
];

/// Commands that take a trained model and pictures, as the port's test.py does.
pub const OF_A_MODEL: [&str; 3] = ["translate", "evaluate", "serve"];

/// Those of them that are given the pictures.
const OF_PICTURES: &[&str] = &["translate", "evaluate"];

/// An option of test.py, the commands of [`OF_A_MODEL`] that do not answer it as `train` does, and what to type instead.
pub const WITH_A_MODEL: [(&str, &[&str], &str); 16] = [
    ("--dataroot", OF_PICTURES, "give it as the last argument"),
    (
        "--dataroot",
        &["serve"],
        "omit it: clients send the pictures",
    ),
    ("--name", &OF_A_MODEL, "give the run as MODEL"),
    ("--checkpoints_dir", &OF_A_MODEL, "give the run as MODEL"),
    (
        "--results_dir",
        &["serve"],
        "omit it: clients get the results",
    ),
    (
        "--phase",
        &["translate"],
        "give the pictures of that split as INPUT",
    ),
    (
        "--max_dataset_size",
        &["serve"],
        "omit it: clients send the pictures",
    ),
    (
        "--num_test",
        &["serve"],
        "omit it: clients send the pictures",
    ),
    ("--serial_batches", &OF_A_MODEL, "omit it"),
    ("--load_size", &["translate"], "use --scale train"),
    (
        "--load_iter",
        &OF_A_MODEL,
        "give a checkpoint file as MODEL",
    ),
    ("--epoch", &OF_A_MODEL, "give a checkpoint file as MODEL"),
    ("--no_dropout", OF_PICTURES, "use --dropout off"),
    (
        "--no_dropout",
        &["serve"],
        "omit it: clients ask for dropout=off",
    ),
    (
        "--eval",
        OF_PICTURES,
        "use --dropout off, and --norm-stats frozen of translate",
    ),
    ("--eval", &["serve"], "omit it: clients ask for dropout=off"),
];

/// What a trained model knows: where `train` has another answer, commands that take one need none of these.
const KNOWN_TO_A_MODEL: [&str; 13] = [
    "--direction",
    "--input_nc",
    "--output_nc",
    "--load_size",
    "--crop_size",
    "--preprocess",
    "--ngf",
    "--ndf",
    "--netG",
    "--netD",
    "--n_layers_D",
    "--norm",
    "--label_nc",
];

/// Options of the port of 2017, and their later names.
pub const EARLIER: [(&str, &str); 13] = [
    ("--which_direction", "--direction"),
    ("--which_model_netG", "--netG"),
    ("--which_model_netD", "--netD"),
    ("--which_epoch", "--epoch"),
    ("--loadSize", "--load_size"),
    ("--fineSize", "--crop_size"),
    ("--resize_or_crop", "--preprocess"),
    ("--batchSize", "--batch_size"),
    ("--nThreads", "--num_threads"),
    ("--niter", "--n_epochs"),
    ("--niter_decay", "--n_epochs_decay"),
    ("--how_many", "--num_test"),
    ("--lambda_A", "--lambda_L1"),
];

/// What to type instead of the port's options among these arguments of `command`; empty if there are none.
pub fn answers(arguments: &[OsString], command: &Command) -> String {
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let mut answers: Vec<String> = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let next = words.get(index + 1).filter(|next| !next.starts_with("--"));
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, value),
            None => (word.as_ref(), next.map_or("", |next| next.as_ref())),
        };
        answers.extend(answer(option, value, command));
    }
    answers.join("; ")
}

/// What to type instead of an option with this value, if it is one of the port's and not one of `command`'s.
fn answer(option: &str, value: &str, command: &Command) -> Option<String> {
    let has = |option: &str| {
        let mut options = command.get_arguments().filter_map(|known| known.get_long());
        option
            .strip_prefix("--")
            .is_some_and(|name| options.any(|known| known == name))
    };
    let renamed = EARLIER.iter().find(|(earlier, _)| *earlier == option);
    let name = renamed.map_or(option, |(_, name)| name);
    let is_with_a_model = OF_A_MODEL.contains(&command.get_name()) && !has(name);
    if is_with_a_model && let Some(answer) = with_a_model(name, command.get_name()) {
        return Some(format!("{option}: {answer}"));
    }
    let mut known = ANSWERS.iter().filter(|(known, ..)| *known == name);
    let (_, given, answer) =
        known.find(|(_, given, _)| *given == value || given.is_empty() && !has(name))?;
    let answer = match options_of(answer).all(has) {
        true => answer,
        false => "omit it",
    };
    let typed = format!("{option} {given}");
    Some(format!("{}: {answer}", typed.trim_end()))
}

/// What to type instead of an option with one of [`OF_A_MODEL`], if that is not what `train` answers.
fn with_a_model(option: &str, command: &str) -> Option<&'static str> {
    let mut own = WITH_A_MODEL.iter();
    let own = own.find(|(known, commands, _)| *known == option && commands.contains(&command));
    match own {
        Some((.., answer)) => Some(answer),
        None => KNOWN_TO_A_MODEL
            .contains(&option)
            .then_some("omit it: the model knows it"),
    }
}

/// The options that an answer names.
pub fn options_of(answer: &str) -> impl Iterator<Item = &str> {
    let words = answer.split([' ', ',', ':']);
    words.filter(|word| word.starts_with("--"))
}

/// What to type instead of a script of the port.
pub fn script(name: &str) -> Option<&'static str> {
    match name {
        "train.py" => Some("`pix2pix train`"),
        "test" | "test.py" => {
            Some("`pix2pix evaluate` for pairs, and `pix2pix translate` for pictures")
        }
        _ => None,
    }
}
