/* What this server has at all: nothing is asked for that it cannot answer. */
import { signal } from "@preact/signals";

export const server = signal({ record: false, watching: false, alerting: false, logging: false });
