// The sound's way: one element reads the two parties as left and right; each has its own volume; both go to both ears.
import type { Side } from "./granted";

const SIDES: readonly Side[] = ["caller", "agent"];
// A little apart, as two people at a table are.
const PLACE: Readonly<Record<Side, number>> = { caller: -0.25, agent: 0.25 };
const GLIDE_S = 0.015;

/** What plays. The audio graph is made at the first press, since browsers want a gesture for it. */
export class Graph {
  readonly audio = new Audio();
  context: AudioContext | null = null;
  splitter: ChannelSplitterNode | null = null;
  /** What both ears hear, after the volumes. */
  output: GainNode | null = null;
  private readonly gains = new Map<Side, GainNode>();
  private readonly wanted = new Map<Side, number>();

  constructor(private readonly rate?: number) {
    this.audio.preload = "metadata";
    this.audio.preservesPitch = true;
  }

  load(address: string): void {
    this.audio.src = address;
  }

  async play(): Promise<void> {
    this.wire();
    await this.context?.resume();
    await this.audio.play();
  }

  /** 1 is as it was recorded. */
  volume(side: Side, share: number): void {
    this.wanted.set(side, share);
    const gain = this.gains.get(side);
    if (gain && this.context) gain.gain.setTargetAtTime(share, this.context.currentTime, GLIDE_S);
  }

  /** Let go of the sound and of the connection that brings it. */
  stop(): void {
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
  }

  close(): void {
    this.stop();
    void this.context?.close();
    this.context = null;
  }

  private wire(): void {
    if (this.context) return;
    const context = this.rate ? new AudioContext({ sampleRate: this.rate }) : new AudioContext();
    const splitter = context.createChannelSplitter(2);
    const output = context.createGain();
    output.connect(context.destination);
    context.createMediaElementSource(this.audio).connect(splitter);
    SIDES.forEach((side, channel) => {
      const gain = context.createGain();
      gain.gain.value = this.wanted.get(side) ?? 1;
      const place = new StereoPannerNode(context, { pan: PLACE[side] });
      splitter.connect(gain, channel).connect(place).connect(output);
      this.gains.set(side, gain);
    });
    this.context = context;
    this.splitter = splitter;
    this.output = output;
  }
}
