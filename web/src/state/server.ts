/* What this server has at all: nothing is asked for that it cannot answer. `known` is true once it was
 * asked, `reached` once it has answered: until then nothing is said to be missing. */
import { computed, signal } from "@preact/signals";

export const server = signal({ known: false, reached: false, record: false, watching: false, alerting: false, logging: false });

/* From which shares on something limits the server: the same as mw status says. */
export const limits = signal({ busy: 1, full: 1 });

interface Told { record: boolean; watching: boolean; alerting: boolean; logging: boolean; limits: { busy: number; full: number } }

export function learn({ record, watching, alerting, logging, limits: told }: Told) {
  if (told.busy !== limits.value.busy || told.full !== limits.value.full) limits.value = told;
  const now = server.value;
  if (!now.reached || now.record !== record || now.watching !== watching || now.alerting !== alerting || now.logging !== logging)
    server.value = { known: true, reached: true, record, watching, alerting, logging };
}

export interface Grant { role: string; on: string; object?: string }

/* Who one is, where the server asks. */
export const me = signal<{ asked: boolean; grants: Grant[] }>({ asked: false, grants: [] });

/* Nothing is offered, and taken away again, before one knows. */
export const meKnown = signal(false);

const ranks = ["viewer", "editor", "deployer", "admin"];

/* Why one may not; "" where one may, or may on some things: the server has the last word. */
export function lacks(role: string): string {
  if (!me.value.asked || me.value.grants.some((grant) => ranks.indexOf(grant.role) >= ranks.indexOf(role))) return "";
  return `it needs the role ${role}`;
}

/* Whether one sees everything, not only what a role is scoped to. */
export const seesAll = computed(() => !me.value.asked || me.value.grants.some((grant) => !grant.object));
