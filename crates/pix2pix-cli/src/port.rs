//! Options of the public PyTorch port (pytorch-CycleGAN-and-pix2pix), answered with ours. docs/from-pytorch.md has the
//! same table for readers; the tests compare them.

use std::ffi::OsString;

/// An option of the port, a value that it is given ("" for any), and what to type instead.
pub const ANSWERS: [(&str, &str, &str); 76] = [
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
    ("--preprocess", "scale_width", "use --resize scale-width"),
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
    ("--netG", "", "use --generator"),
    ("--netD", "basic", "use --patch 70"),
    ("--netD", "pixel", "use --patch pixel"),
    ("--netD", "", "use --patch"),
    ("--n_layers_D", "1", "use --patch 16"),
    ("--n_layers_D", "3", "use --patch 70"),
    ("--n_layers_D", "5", "use --patch 286"),
    ("--n_layers_D", "", "use --patch 16, 70 or 286"),
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
    ("--lambda_L1", "", "use --lambda"),
    ("--pool_size", "", "use --pool"),
    ("--continue_train", "", "use --resume RUN"),
    ("--load_iter", "", "give a checkpoint file as MODEL"),
    ("--epoch", "", "give a checkpoint file as MODEL"),
    ("--print_freq", "", "use --log-every"),
    ("--display_freq", "", "use --sample-every"),
    ("--display_id", "", "use --report or --serve"),
    ("--display_port", "", "use --report or --serve"),
    ("--update_html_freq", "", "use --sample-every"),
    ("--no_html", "", "omit it"),
    ("--save_latest_freq", "", "use --save-every"),
    ("--save_epoch_freq", "", "use --save-every"),
    ("--save_by_iter", "", "omit it"),
    ("--use_wandb", "", "use --tensorboard"),
    ("--num_test", "", "give fewer files"),
    ("--eval", "", "use --norm-stats frozen --dropout off"),
    ("--aspect_ratio", "", "omit it: sizes are kept"),
    ("--verbose", "", "omit it"),
    ("--suffix", "", "omit it"),
];

/// What to type instead of the port's options among these arguments; empty if there are none.
pub fn answers(arguments: &[OsString]) -> String {
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
        let mut known = ANSWERS.iter().filter(|(name, ..)| *name == option);
        let answer = known.find(|(_, given, _)| *given == value || given.is_empty());
        if let Some((_, given, answer)) = answer {
            let typed = format!("{option} {given}");
            answers.push(format!("{}: {answer}", typed.trim_end()));
        }
    }
    answers.join("; ")
}
