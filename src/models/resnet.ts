/**
 * Residual networks (He et al., "Deep residual learning for image recognition",
 * 2016) with the stem for small images: one 3 x 3 convolution, no max-pool.
 * A {@linkcode ResNetDescription} says which; the names of the parameters are those
 * of the published checkpoints.
 *
 * @module
 */

import {
  activation,
  batchNorm2d,
  conv2d,
  globalAveragePool2d,
  kaimingNormalFanOut,
  type Layer,
  linear,
  paddedShortcut,
  residual,
  sequential,
} from "../layers/mod.ts";
import { requireWhole } from "../layers/checks.ts";

/** What a residual network is made of. */
export interface ResNetDescription {
  /** Two 3 x 3 convolutions, or 1 x 1, 3 x 3, 1 x 1 with four times the width at the end. */
  readonly block: "basic" | "bottleneck";
  /** Channels of the stem. */
  readonly stem: number;
  /** Width of each stage; every stage but the first halves height and width. */
  readonly widths: readonly number[];
  /** Number of blocks of each stage. */
  readonly blocks: readonly number[];
  /**
   * Where a block changes the shape: `pad` subsamples and adds channels of zeros
   * (option A), `projection` is a 1 x 1 convolution with batch-norm (option B).
   */
  readonly shortcut: "pad" | "projection";
  /** Name of a projection within its block. */
  readonly shortcutName: string;
  /** Name of the linear layer at the end. */
  readonly headName: string;
}

/** Options of {@linkcode resnet}. */
export interface ResNetOptions {
  /** Number of classes; 10 by default. */
  readonly classes?: number;
  /** Channels of an image; 3 by default. */
  readonly inputChannels?: number;
  /** Name of a projection within its block, as `shortcut`; `downsample` by default. */
  readonly shortcutName?: string;
  /** Name of the linear layer at the end; that of the description by default. */
  readonly headName?: string;
}

/** Networks for CIFAR of depth 6 n + 2: three stages, 16 to 64 channels, option A. */
function small(n: number): ResNetDescription {
  return {
    block: "basic",
    stem: 16,
    widths: [16, 32, 64],
    blocks: [n, n, n],
    shortcut: "pad",
    shortcutName: "downsample",
    headName: "linear",
  };
}

/** Networks of the ImageNet family: four stages, 64 to 512 wide, option B. */
function large(
  block: ResNetDescription["block"],
  blocks: readonly number[],
): ResNetDescription {
  return {
    block,
    stem: 64,
    widths: [64, 128, 256, 512],
    blocks,
    shortcut: "projection",
    shortcutName: "downsample",
    headName: "fc",
  };
}

/** Names of the residual networks. */
export type ResNetName =
  | "resnet8"
  | "resnet20"
  | "resnet32"
  | "resnet44"
  | "resnet56"
  | "resnet18"
  | "resnet34"
  | "resnet50"
  | "resnet101";

/** The residual networks by name. */
export const resnetDescriptions: Readonly<
  Record<ResNetName, ResNetDescription>
> = Object.freeze({
  resnet8: small(1),
  resnet20: small(3),
  resnet32: small(5),
  resnet44: small(7),
  resnet56: small(9),
  resnet18: large("basic", [2, 2, 2, 2]),
  resnet34: large("basic", [3, 4, 6, 3]),
  resnet50: large("bottleneck", [3, 4, 6, 3]),
  resnet101: large("bottleneck", [3, 4, 23, 3]),
});

/** A convolution without bias and with padding that keeps the size, and its batch-norm. */
function convolution(
  prefix: string,
  names: readonly [conv: string, norm: string],
  channels: readonly [number, number],
  kernel: number,
  stride: number,
): Layer[] {
  const [conv, norm] = names;
  return [
    conv2d(`${prefix}${conv}`, channels[0], channels[1], kernel, {
      stride,
      padding: (kernel - 1) / 2,
      bias: false,
      initial: kaimingNormalFanOut,
    }),
    batchNorm2d(`${prefix}${norm}`, channels[1]),
  ];
}

/** One residual block: relu(body(x) + shortcut(x)). */
function block(
  description: ResNetDescription,
  prefix: string,
  inChannels: number,
  width: number,
  stride: number,
): Layer {
  const bottleneck = description.block === "bottleneck";
  const outChannels = bottleneck ? 4 * width : width;
  const relu = activation("relu");
  const layer = (
    index: number,
    channels: readonly [number, number],
    kernel: number,
    step: number,
  ): Layer[] =>
    convolution(
      prefix,
      [`conv${index}`, `bn${index}`],
      channels,
      kernel,
      step,
    );
  const body = bottleneck
    ? [
      ...layer(1, [inChannels, width], 1, 1),
      relu,
      ...layer(2, [width, width], 3, stride),
      relu,
      ...layer(3, [width, outChannels], 1, 1),
    ]
    : [
      ...layer(1, [inChannels, width], 3, stride),
      relu,
      ...layer(2, [width, width], 3, 1),
    ];
  const { shortcut, shortcutName } = description;
  const name = `${prefix}${shortcutName}.`;
  const round = inChannels === outChannels && stride === 1
    ? sequential([])
    : shortcut === "pad"
    ? paddedShortcut(inChannels, outChannels, stride)
    : sequential(
      convolution(name, ["0", "1"], [inChannels, outChannels], 1, stride),
    );
  return sequential([residual(sequential(body), { shortcut: round }), relu]);
}

/**
 * A residual network: `conv1`, `bn1`, stages `layer1`, `layer2`, ... of blocks
 * `layer1.0`, `layer1.1`, ..., global average, a linear layer.
 *
 * @example
 * ```ts
 * import { parameterCount, resnet } from "@adafisher/adafisher/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parameterCount(resnet("resnet20")), 269_722);
 * ```
 *
 * @param network A name, or a description of one's own.
 * @param options Classes, channels of an image, names.
 * @returns The model; float [B, inputChannels, H, W] -> [B, classes].
 * @throws {RangeError} If there is no network of this name, or a number is out of its range.
 */
export function resnet(
  network: ResNetName | ResNetDescription,
  options: ResNetOptions = {},
): Layer {
  if (
    typeof network === "string" && !Object.hasOwn(resnetDescriptions, network)
  ) {
    throw new RangeError(
      `Cannot build resnet: its name must be one of ${
        Object.keys(resnetDescriptions).join(", ")
      }, got ${network}`,
    );
  }
  const base = typeof network === "string"
    ? resnetDescriptions[network]
    : network;
  const description: ResNetDescription = {
    ...base,
    shortcutName: options.shortcutName ?? base.shortcutName,
    headName: options.headName ?? base.headName,
  };
  const { stem, widths, blocks } = description;
  const { classes = 10, inputChannels = 3 } = options;
  requireWhole("resnet", "widths and numbers of blocks", [
    stem,
    ...widths,
    ...blocks,
  ]);
  if (widths.length !== blocks.length || widths.length === 0) {
    throw new RangeError(
      `Cannot build resnet: each stage needs a width and a number of blocks, got ${widths.length} and ${blocks.length}`,
    );
  }
  const layers: Layer[] = [
    ...convolution("", ["conv1", "bn1"], [inputChannels, stem], 3, 1),
    activation("relu"),
  ];
  let channels = stem;
  widths.forEach((width, stage) => {
    for (let i = 0; i < blocks[stage]; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const prefix = `layer${stage + 1}.${i}.`;
      layers.push(block(description, prefix, channels, width, stride));
      channels = description.block === "bottleneck" ? 4 * width : width;
    }
  });
  layers.push(
    globalAveragePool2d(),
    linear(description.headName, channels, classes),
  );
  const name = typeof network === "string" ? network : "resnet";
  return sequential(layers, { name });
}
