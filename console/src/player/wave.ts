// One party's waveform: bars from the peaks, what was played in full colour, spans hatched so that colour is not needed.
import type { Granted, Side, Span } from "./granted";

const BAR = 2;
const STEP = 3;
const LEAST = 1;
const QUIETEST = 60; // a recording whose loudest peak is below this is drawn as quiet as it is
const HATCH = 7;
const SOFT = 0.8; // soft voices are seen too

interface Ink {
  readonly party: string;
  readonly played: string;
  readonly prompt: string;
  readonly gap: string;
  readonly pause: string;
  readonly line: string;
  readonly head: string;
  readonly loop: string;
}

function inkOf(canvas: HTMLCanvasElement, side: Side): Ink {
  const style = getComputedStyle(canvas);
  const read = (name: string): string => {
    // light-dark() is resolved only where a property uses it.
    canvas.style.color = `var(${name})`;
    const colour = style.color;
    canvas.style.removeProperty("color");
    return colour;
  };
  return {
    party: read(`--wave-${side}-rest`), played: read(`--wave-${side}`), prompt: read("--prompt"), gap: read("--gap"),
    pause: read("--not-asked"), line: read("--line"), head: read("--focus"), loop: read("--accent"),
  };
}

/** What is drawn at a moment: the position and a stretch that is repeated, milliseconds. */
export interface Moment {
  readonly at: number;
  readonly loop: readonly [number, number] | null;
}

/** A canvas that shows one party. */
export class Wave {
  private ink: Ink;
  private moment: Moment = { at: 0, loop: null };
  private readonly spans: readonly Span[];
  private readonly sized: ResizeObserver;
  private readonly loudest: number;

  constructor(
    readonly canvas: HTMLCanvasElement, private readonly side: Side, private readonly granted: Granted,
  ) {
    this.ink = inkOf(canvas, side);
    this.loudest = [...granted.peaks.caller, ...granted.peaks.agent].reduce((most, one) => Math.max(most, one), QUIETEST);
    this.spans = granted.spans.filter((span) => span.side === "" || span.side === side);
    this.sized = new ResizeObserver(() => this.draw(this.moment));
    this.sized.observe(canvas);
  }

  /** Colours changed. */
  repaint(): void {
    this.ink = inkOf(this.canvas, this.side);
    this.draw(this.moment);
  }

  close(): void {
    this.sized.disconnect();
  }

  draw(moment: Moment): void {
    this.moment = moment;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const ratio = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== wide || this.canvas.height !== high) {
      this.canvas.width = wide;
      this.canvas.height = high;
    }
    const pen = this.canvas.getContext("2d");
    if (pen === null || width === 0) return;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    for (const span of this.spans) this.span(pen, span, width, height);
    this.bars(pen, width, height);
    this.marks(pen, width, height);
  }

  private x(ms: number, width: number): number {
    return (ms / Math.max(1, this.granted.length_ms)) * width;
  }

  private bars(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const peaks = this.granted.peaks[this.side];
    const bucketMs = this.granted.bucket_us / 1000;
    const head = this.x(this.moment.at, width);
    const middle = height / 2;
    for (let x = 0; x < width; x += STEP) {
      const from = ((x / width) * this.granted.length_ms) / bucketMs;
      const to = (((x + STEP) / width) * this.granted.length_ms) / bucketMs;
      let peak = 0;
      for (let i = Math.floor(from); i < Math.max(to, Math.floor(from) + 1); i += 1) peak = Math.max(peak, peaks[i] ?? 0);
      const half = Math.max(LEAST, ((peak / this.loudest) ** SOFT * (height - 8)) / 2);
      pen.fillStyle = x + BAR <= head ? this.ink.played : this.ink.party;
      pen.fillRect(x, middle - half, BAR, half * 2);
    }
  }

  private span(pen: CanvasRenderingContext2D, span: Span, width: number, height: number): void {
    const from = this.x(span.from_ms, width);
    const wide = Math.max(2, this.x(span.to_ms, width) - from);
    pen.save();
    pen.beginPath();
    pen.rect(from, 0, wide, height);
    pen.clip();
    if (span.kind === "prompt") {
      pen.fillStyle = this.ink.prompt;
      pen.fillRect(from, 0, wide, height);
      pen.strokeStyle = this.ink.line;
      pen.lineWidth = 1;
      hatch(pen, from, wide, height, 2 * HATCH, false);
    } else {
      pen.strokeStyle = span.kind === "gap" ? this.ink.gap : this.ink.pause;
      pen.lineWidth = 1;
      hatch(pen, from, wide, height, HATCH, span.kind === "gap");
      pen.lineWidth = 2;
      pen.strokeRect(from, -2, wide, height + 4);
    }
    pen.restore();
  }

  private marks(pen: CanvasRenderingContext2D, width: number, height: number): void {
    if (this.moment.loop) {
      const [from, to] = this.moment.loop.map((ms) => this.x(ms, width)) as [number, number];
      pen.globalAlpha = 0.16;
      pen.fillStyle = this.ink.loop;
      pen.fillRect(from, 0, to - from, height);
      pen.globalAlpha = 1;
    }
    pen.fillStyle = this.ink.head;
    pen.fillRect(Math.min(width - 2, Math.max(0, this.x(this.moment.at, width) - 1)), 0, 2, height);
  }
}

/** Slanted lines; a gap's are crossed. */
function hatch(
  pen: CanvasRenderingContext2D, from: number, wide: number, height: number, every: number, crossed: boolean,
): void {
  pen.beginPath();
  for (let x = from - height - ((from - height) % every); x < from + wide + height; x += every) {
    pen.moveTo(x, height);
    pen.lineTo(x + height, 0);
    if (crossed) {
      pen.moveTo(x, 0);
      pen.lineTo(x + height, height);
    }
  }
  pen.stroke();
}
