/* What a person has chosen; kept by the browser. */
import { effect, signal } from "@preact/signals";

function kept<T extends string>(name: string, usual: T) {
  let first = usual;
  try {
    first = (localStorage.getItem(`mw.${name}`) as T | null) ?? usual;
  } catch {
    /* a browser that keeps nothing: the usual */
  }
  const value = signal<T>(first);
  effect(() => {
    try {
      localStorage.setItem(`mw.${name}`, value.value);
    } catch {
      /* likewise */
    }
  });
  return value;
}

export const theme = kept<"system" | "light" | "dark">("theme", "system");
export const zone = kept<"local" | "utc">("zone", "local");
export const live = kept<"on" | "off">("live", "on");

const darkly = matchMedia("(prefers-color-scheme: dark)");
export const dark = signal(darkly.matches);

function follow() {
  dark.value = theme.value === "dark" || (theme.value === "system" && darkly.matches);
  document.documentElement.dataset.theme = dark.value ? "dark" : "light";
}
effect(follow);
darkly.addEventListener("change", follow);
