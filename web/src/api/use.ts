/* What stands above others on a page is waited for, so that nothing moves under its reader. */
export const isKnown = (...of: { data: unknown; error: unknown; idle?: boolean }[]) => of.every((one) => one.idle || one.data !== undefined || one.error !== undefined);

/* Data of a part of a page: asked for when it appears, again when its address changes or time is up.
 * What was there stays while something newer is fetched, and when fetching fails. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, type Refusal } from "./client";

export interface Asked<T> {
  data: T | undefined;
  error: Refusal | undefined;
  at: number; /* when `data` came */
  reload: () => void;
  set: (data: T) => void;
  idle: boolean; /* nothing is asked */
}

export function useData<T>(path: string | undefined, every?: number, body?: unknown): Asked<T> {
  const [state, set] = useState<{ path?: string; data?: T; error?: Refusal; at: number }>({ at: 0 });
  const [turn, setTurn] = useState(0);
  const shown = useRef(path);
  shown.current = path;
  const words = JSON.stringify(body);
  useEffect(() => {
    if (!path) return undefined;
    const stop = new AbortController();
    ask<T>(path, body, undefined, stop.signal).then(
      (data) => set({ path, data, at: Date.now() }),
      (error: Refusal) => {
        if (!stop.signal.aborted)
          set((old) => ({ path, data: old.path === path ? old.data : undefined, error, at: old.at }));
      },
    );
    return () => stop.abort();
  }, [path, turn, words]);
  useEffect(() => {
    if (!every || !path) return undefined;
    const timer = setInterval(() => document.hidden || setTurn((n) => n + 1), every);
    return () => clearInterval(timer);
  }, [every, path]);
  const fresh = state.path === path || state.data === undefined;
  return {
    data: state.data,
    error: fresh ? state.error : undefined,
    at: state.at,
    reload: () => setTurn((n) => n + 1),
    set: (data) => set({ path: shown.current, data, at: Date.now() }),
    idle: path === undefined,
  };
}
