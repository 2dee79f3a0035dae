// Hosts of a benchmark: network namespaces on one bridge, whose links pass no more than a rate. They are removed when
// the benchmark ends, however it ends.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const command = (program, ...args) => spawnSync(program, args, { encoding: 'utf8' });

/** @throws Error with what the program complained about */
function perform(program, ...args) {
  const { status, stderr, error } = command(program, ...args);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

/** Why hosts cannot be made, as a sentence; undefined if they can. */
export function whyNoHosts() {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid() !== 0) return 'network namespaces need root: run the command as root';
  for (const program of ['ip', 'tc', 'unshare'])
    if (command(program, program === 'unshare' ? '--version' : '-V').status !== 0)
      return `${program} is missing: install iproute2 and util-linux`;
  const probe = `sbp${process.pid}`;
  const { status, stderr } = command('ip', 'netns', 'add', probe);
  if (status !== 0) return `network namespaces cannot be made (${stderr.trim()}): allow the container CAP_SYS_ADMIN`;
  command('ip', 'netns', 'del', probe);
  return undefined;
}

export class Hosts {
  #prefix = `sb${process.pid}`;
  #made = [];
  /** Of each host, in its own namespace. */
  device = 'link0';

  /** @param rate of each link in each direction, as tc writes it (1gbit); undefined for as fast as the machine is */
  constructor(count, rate) {
    process.on('exit', () => this.remove());
    try {
      this.#perform(['link', 'add', this.#bridge, 'type', 'bridge'], ['link', 'del', this.#bridge]);
      perform('ip', 'link', 'set', this.#bridge, 'up');
      for (let host = 0; host < count; host++) this.#make(host, rate);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  get #bridge() {
    return `${this.#prefix}b`;
  }

  #namespace(host) {
    return `${this.#prefix}n${host}`;
  }

  #outer(host) {
    return `${this.#prefix}o${host}`;
  }

  address(host) {
    return `10.78.0.${host + 1}`;
  }

  /** What undoes is remembered before it is done: an interruption may come in between. */
  #perform(does, undoes) {
    this.#made.unshift(undoes);
    perform('ip', ...does);
  }

  #make(host, rate) {
    const [namespace, outer, inner] = [this.#namespace(host), this.#outer(host), `${this.#prefix}i${host}`];
    this.#perform(['netns', 'add', namespace], ['netns', 'del', namespace]);
    this.#perform(['link', 'add', outer, 'type', 'veth', 'peer', 'name', inner], ['link', 'del', outer]);
    perform('ip', 'link', 'set', outer, 'master', this.#bridge, 'up');
    perform('ip', 'link', 'set', inner, 'netns', namespace, 'name', this.device);
    perform('ip', '-n', namespace, 'addr', 'add', `${this.address(host)}/24`, 'dev', this.device);
    perform('ip', '-n', namespace, 'link', 'set', this.device, 'up');
    perform('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
    if (rate === undefined) return;
    const bucket = ['root', 'tbf', 'rate', rate, 'burst', '128kb', 'latency', '20ms'];
    perform('ip', 'netns', 'exec', namespace, 'tc', 'qdisc', 'add', 'dev', this.device, ...bucket);
    perform('tc', 'qdisc', 'add', 'dev', outer, ...bucket);
  }

  /** Runs the command after it on a host: with links and processes of its own, so that nothing seems to be local. */
  within(host) {
    const own = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
    return ['ip', 'netns', 'exec', this.#namespace(host), ...own];
  }

  /** Bytes that a host has sent since it was made. */
  sentBytes(host) {
    return Number(readFileSync(`/sys/class/net/${this.#outer(host)}/statistics/rx_bytes`, 'utf8'));
  }

  remove() {
    for (const undo of this.#made.splice(0)) command('ip', ...undo);
  }
}
