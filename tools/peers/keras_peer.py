"""Times a training step or an inference in Keras on TensorFlow, compiled as a graph; prints one line of JSON."""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import tensorflow as tf
from keras import layers
from measure import arguments, measure

o = arguments("train", "infer")
tf.config.threading.set_intra_op_parallelism_threads(o.threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
keras.utils.set_random_seed(0)
normal = keras.initializers.RandomNormal(0, 0.02)


def conv(x, filters, stride, bias=False):
    return layers.Conv2D(filters, 4, stride, "same", kernel_initializer=normal, use_bias=bias)(x)


def generator():
    source = x = keras.Input((o.size, o.size, 3))
    width, skips = [64 * min(2**level, 8) for level in range(8)], []
    for level, filters in enumerate(width):
        x = conv(x, filters, 2)
        if 0 < level < 7:
            x = layers.BatchNormalization(epsilon=1e-5)(x, training=True)
        x = layers.ReLU(negative_slope=0.2 if level < 7 else 0)(x)
        skips.append(x)
    for level, filters in enumerate(reversed(width[:-1])):
        x = layers.Conv2DTranspose(filters, 4, 2, "same", kernel_initializer=normal, use_bias=False)(x)
        x = layers.BatchNormalization(epsilon=1e-5)(x, training=True)
        if level < 3:
            x = layers.Dropout(0.5)(x, training=True)
        x = layers.ReLU()(layers.Concatenate()([x, skips[6 - level]]))
    x = layers.Conv2DTranspose(3, 4, 2, "same", kernel_initializer=normal, activation="tanh")(x)
    return keras.Model(source, x)


def discriminator():
    pair = x = keras.Input((o.size, o.size, 6))
    for level, filters in enumerate((64, 128, 256, 512)):
        if level == 3:
            # as the paper's: one pixel of padding on each side
            x = layers.ZeroPadding2D(1)(x)
            x = layers.Conv2D(filters, 4, kernel_initializer=normal, use_bias=False)(x)
        else:
            x = conv(x, filters, 2, bias=level == 0)
        if level > 0:
            x = layers.BatchNormalization(epsilon=1e-5)(x, training=True)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2D(1, 4, kernel_initializer=normal)(layers.ZeroPadding2D(1)(x))
    return keras.Model(pair, x)


g = generator()
a, b = (tf.random.uniform((o.batch, o.size, o.size, 3), -1, 1) for _ in range(2))
if o.what == "infer":
    run = tf.function(lambda x: g(x))
    measure(o, lambda: run(a).numpy())
else:
    d = discriminator()
    g_adam, d_adam = keras.optimizers.Adam(2e-4, 0.5), keras.optimizers.Adam(2e-4, 0.5)
    g_adam.build(g.trainable_variables)
    d_adam.build(d.trainable_variables)
    bce = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def step(a, b):
        with tf.GradientTape() as g_tape:
            fake = g(a)
            with tf.GradientTape() as d_tape:
                real_logits = d(tf.concat([a, b], 3))
                fake_logits = d(tf.concat([a, tf.stop_gradient(fake)], 3))
                d_loss = 0.5 * (bce(tf.ones_like(real_logits), real_logits) + bce(tf.zeros_like(fake_logits), fake_logits))
            d_adam.apply(d_tape.gradient(d_loss, d.trainable_variables), d.trainable_variables)
            logits = d(tf.concat([a, fake], 3))
            g_loss = bce(tf.ones_like(logits), logits) + 100 * tf.reduce_mean(tf.abs(fake - b))
        g_adam.apply(g_tape.gradient(g_loss, g.trainable_variables), g.trainable_variables)
        return d_loss, g_loss

    measure(o, lambda: [loss.numpy() for loss in step(a, b)])
