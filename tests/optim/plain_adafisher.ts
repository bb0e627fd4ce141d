/**
 * AdaFisher on a chain of linear layers, in plain loops over numbers: written for
 * the tests from the formulas, without tensors, derivatives by hand.
 *
 * The loss is the mean over all entries of (output - target)^2.
 */

import type { AdaFisherFields } from "../../src/optim/mod.ts";

/** A linear layer's numbers: w [out][in], b [out] or none. */
export interface PlainLayer {
  w: number[][];
  b?: number[];
}

/** What a plain run is given. */
export interface PlainRun {
  readonly fields: AdaFisherFields;
  readonly decoupled: boolean;
  readonly rate: number;
  /** Which layer is applied when; a layer may come twice, or never. */
  readonly chain: readonly number[];
  /** Whether `layer`'s weight or bias is trained; all are by default. */
  readonly trained?: (layer: number, kind: "weight" | "bias") => boolean;
  /** Whether it decays; all do by default. */
  readonly decays?: (layer: number, kind: "weight" | "bias") => boolean;
}

const zeros = (n: number): number[] => Array.from({ length: n }, () => 0);

function normalized(v: number[], fields: AdaFisherFields): number[] {
  if (v.length === 1 && fields.single === "one") return [1];
  let low = Infinity, high = -Infinity;
  for (const x of v) {
    if (x < low) low = x;
    if (x > high) high = x;
  }
  if (high === low) return zeros(v.length);
  return v.map((x) => (x - low) / (high - low + fields.epsilon));
}

/** Carries a chain of layers from step to step. */
export class PlainAdaFisher {
  readonly layers: PlainLayer[];
  /** Averages of H_D and S_D, and the momentum of each layer's [w, b] rows. */
  readonly h: number[][] = [];
  readonly s: number[][] = [];
  readonly m: number[][][] = [];
  readonly #run: PlainRun;
  #k = 0;

  constructor(layers: PlainLayer[], run: PlainRun) {
    this.layers = layers;
    this.#run = run;
    for (const { w, b } of layers) {
      const columns = w[0].length + (b ? 1 : 0);
      this.h.push(zeros(columns).map(() => 1));
      this.s.push(w.map(() => 1));
      this.m.push(w.map(() => zeros(columns)));
    }
  }

  /** One step on rows of inputs and targets; returns the loss before it. */
  step(inputs: number[][], targets: number[][]): number {
    const { fields, chain, rate, decoupled } = this.#run;
    const { trained = () => true, decays = () => true } = this.#run;
    const k = ++this.#k;
    const batch = inputs.length;

    // Forward, keeping what went into each use; a 1 behind for the bias.
    const went: number[][][] = [];
    let rows = inputs;
    for (const index of chain) {
      const { w, b } = this.layers[index];
      const into = rows.map((row) => b ? [...row, 1] : row);
      went.push(into);
      rows = into.map((row) =>
        w.map((line, o) => {
          const all = b ? [...line, b[o]] : line;
          let z = 0;
          for (let j = 0; j < all.length; j++) z += all[j] * row[j];
          return z;
        })
      );
    }
    const entries = batch * rows[0].length;
    let loss = 0;
    let s = rows.map((row, r) =>
      row.map((z, o) => {
        const difference = z - targets[r][o];
        loss += difference * difference / entries;
        return 2 * difference / entries;
      })
    );

    // Backward: gradients and fresh diagonals, summed over the uses.
    const gradient = this.m.map((lines) => lines.map((l) => zeros(l.length)));
    const freshH = this.h.map((v) => zeros(v.length));
    const freshS = this.s.map((v) => zeros(v.length));
    const uses = this.layers.map((_, i) => chain.filter((c) => c === i).length);
    const scale = fields.form === "paper" ? batch * batch : 1;
    for (let use = chain.length - 1; use >= 0; use--) {
      const index = chain[use];
      const { w } = this.layers[index];
      const back = went[use].map(() => zeros(w[0].length));
      for (let r = 0; r < batch; r++) {
        for (let j = 0; j < went[use][r].length; j++) {
          const x = went[use][r][j];
          freshH[index][j] += x * x / batch / uses[index];
        }
        for (let o = 0; o < w.length; o++) {
          const d = s[r][o];
          freshS[index][o] += scale * d * d / batch / uses[index];
          for (let j = 0; j < went[use][r].length; j++) {
            gradient[index][o][j] += d * went[use][r][j];
          }
          for (let j = 0; j < w[0].length; j++) back[r][j] += d * w[o][j];
        }
      }
      s = back;
    }

    // The averages of the layers in use.
    const after = fields.normalize === "after-average";
    if ((k - 1) % fields.interval === 0) {
      const replace = k === 1 && fields.start === "first-batch";
      const take = (old: number[], raw: number[]): number[] => {
        const fresh = after ? raw : normalized(raw, fields);
        return old.map((a, i) =>
          replace ? fresh[i] : fields.decay * a + fields.gain * fresh[i]
        );
      };
      for (const index of new Set(chain)) {
        this.h[index] = take(this.h[index], freshH[index]);
        this.s[index] = take(this.s[index], freshS[index]);
      }
    }

    // The update, entry by entry.
    this.layers.forEach((layer, index) => {
      const H = after ? normalized(this.h[index], fields) : this.h[index];
      const S = after ? normalized(this.s[index], fields) : this.s[index];
      const width = layer.w[0].length;
      for (let o = 0; o < layer.w.length; o++) {
        for (let j = 0; j < H.length; j++) {
          const kind = j < width ? "weight" : "bias";
          if (!trained(index, kind)) continue;
          const kappa = decays(index, kind) ? fields.weightDecay : 0;
          const theta = kind === "weight" ? layer.w[o][j] : layer.b![o];
          let g = gradient[index][o][j];
          if (!decoupled) g += kappa * theta;
          const m = this.m[index];
          m[o][j] = fields.beta * m[o][j] + (1 - fields.beta) * g;
          const unbiased = m[o][j] / (1 - Math.pow(fields.beta, k));
          let direction = unbiased / (S[o] * H[j] + fields.lambda);
          if (decoupled) direction += kappa * theta;
          const moved = theta - rate * direction;
          if (kind === "weight") layer.w[o][j] = moved;
          else layer.b![o] = moved;
        }
      }
    });
    return loss;
  }
}
