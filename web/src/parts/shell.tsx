/* What stands around every page: header, navigation, keys. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { go, href, path, place } from "../state/router";
import { live, theme, zone } from "../state/settings";
import { heard, status } from "../state/live";
import { frozenLink, range, ranges, setRange, shownRange, zoom } from "../state/range";
import { clock, moment, zoneName } from "./format";
import { copy, toast } from "./copy";
import { Icon } from "./icons";

export function A({ to, children, class: name, label }: { to: string; children: ComponentChildren; class?: string; label?: string }) {
  return (
    <a href={href(to)} class={name} aria-label={label}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(to);
      }}>
      {children}
    </a>
  );
}

export interface Entry {
  to: string;
  title: string;
  icon: string;
  group: string;
  key?: string;
}

const helpOpen = signal(false);
const menuOpen = signal(false);

function Nav({ entries }: { entries: Entry[] }) {
  const at = path.value;
  const isHere = (to: string) => (to === "/" ? at === "/" : at === to || at.startsWith(`${to}/`));
  const groups = [...new Set(entries.map((entry) => entry.group))];
  return (
    <nav aria-label="pages" class={menuOpen.value ? "open" : ""}>
      {groups.map((group) => (
        <div key={group}>
          <div class="nav-group">{group}</div>
          <ul>
            {entries.filter((entry) => entry.group === group).map((entry) => (
              <li key={entry.to}>
                <a href={href(entry.to)} aria-current={isHere(entry.to) ? "page" : undefined}
                  onClick={(event) => {
                    if (event.ctrlKey || event.metaKey) return;
                    event.preventDefault();
                    menuOpen.value = false;
                    go(entry.to);
                  }}>
                  <Icon name={entry.icon} /> {entry.title}
                </a>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

function LivePill() {
  const word = live.value === "off" ? "Paused" : status.value === "lost" ? "Reconnecting" : "Live";
  return (
    <button type="button" class={`pill pill-${word.toLowerCase()}`} aria-pressed={live.value === "on"}
      title={word === "Reconnecting" ? `data from ${clock(heard.value)}` : "live updates on or off (.)"}
      onClick={() => (live.value = live.value === "on" ? "off" : "on")}>
      <span class="dot" aria-hidden="true" /> {word}
    </button>
  );
}

/* "2026-11-28T01:05", in the zone that is shown, and back. */
const field = (s: number) => moment(s * 1000).slice(0, 16).replace(" ", "T");
const second = (text: string) => Date.parse(zone.value === "utc" ? `${text}Z` : text) / 1000;

/* Which time, by date: without a mouse, and for what lies far back. */
function Between({ open, close }: { open: boolean; close: () => void }) {
  const box = useRef<HTMLDialogElement>(null);
  const { from, to } = shownRange();
  const [begin, setBegin] = useState("");
  const [end, setEnd] = useState("");
  useEffect(() => {
    if (!open) { box.current?.close(); return; }
    setBegin(field(from));
    setEnd(field(to));
    box.current?.showModal();
  }, [open]);
  const good = second(begin) < second(end);
  return (
    <dialog ref={box} class="act" onClose={close} aria-label="from and to">
      <form class="times" onSubmit={(event) => { event.preventDefault(); if (good) { zoom(second(begin), second(end)); close(); } }}>
        <div class="dialog-head"><h2>From and to, {zoneName()}</h2>
          <button type="button" class="quiet" aria-label="close" onClick={close}><Icon name="close" /></button></div>
        <label>From <input type="datetime-local" value={begin} onInput={(e) => setBegin(e.currentTarget.value)} /></label>
        <label>To <input type="datetime-local" value={end} onInput={(e) => setEnd(e.currentTarget.value)} /></label>
        {!good && begin && end && <p class="fault" role="alert">the end is not behind the beginning</p>}
        <div class="act-buttons"><button type="submit" class="main" disabled={!good}>Show it</button></div>
      </form>
    </dialog>
  );
}

export function RangePicker() {
  const [open, setOpen] = useState(false);
  const now = range.value;
  return (
    <span class="ranges" role="group" aria-label="time range">
      {Object.keys(ranges).map((name) => (
        <button type="button" key={name} aria-pressed={now.name === name} onClick={() => setRange(name)}>{name}</button>
      ))}
      {!now.moves && (
        <button type="button" aria-pressed="true" onClick={() => setRange("15m")} title="back to now">
          {now.to - now.from > 86400 ? moment(now.from * 1000).slice(5, 16) : clock(now.from * 1000)}–{now.to - now.from > 86400 ? moment(now.to * 1000).slice(5, 16) : clock(now.to * 1000)} ×
        </button>
      )}
      <button type="button" onClick={() => setOpen(true)} aria-label="from and to, by date" title="from and to, by date">…</button>
      <Between open={open} close={() => setOpen(false)} />
    </span>
  );
}

const keys: [string, string][] = [
  ["/", "search"], ["?", "this list"], ["g o", "Overview"], ["g m", "Models"], ["g e", "Experiments"], ["g a", "Alerts"],
  ["j k Enter", "rows of a table"], ["t", "next time range"], [".", "live or paused"], ["y", "copy a link that stays true"],
  ["Ctrl/Cmd K", "go anywhere"], ["Esc", "close"],
];

function Help() {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (helpOpen.value) box.current?.showModal();
    else box.current?.close();
  }, [helpOpen.value]);
  return (
    <dialog ref={box} onClose={() => (helpOpen.value = false)} aria-label="keys">
      <div class="dialog-head"><h2>Keys</h2>
        <button type="button" class="quiet" aria-label="close" onClick={() => (helpOpen.value = false)}><Icon name="close" /></button>
      </div>
      <dl class="keys">{keys.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}</dl>
    </dialog>
  );
}

/* Pages, endpoints, models: by any part of their names. */
export interface Goal { title: string; to: string; kind: string }
export const goals = signal<Goal[]>([]);
const paletteOpen = signal(false);

function Palette({ entries }: { entries: Entry[] }) {
  const box = useRef<HTMLDialogElement>(null);
  const [words, set] = useState("");
  const [at, setAt] = useState(0);
  useEffect(() => {
    const dialog = box.current;
    if (paletteOpen.value) {
      dialog?.showModal();
      set("");
      setAt(0);
    } else {
      dialog?.close();
      /* Where nothing had the focus before, the hidden field keeps it until the next frame, and a
         key pressed within that frame would be lost in it. */
      if (dialog?.contains(document.activeElement)) (document.activeElement as HTMLElement).blur();
    }
  }, [paletteOpen.value]);
  const all: Goal[] = [...entries.map((entry) => ({ title: entry.title, to: entry.to, kind: "page" })), ...goals.value];
  const found = all.filter((goal) => goal.title.toLowerCase().includes(words.toLowerCase())).slice(0, 12);
  const choose = (goal: Goal | undefined) => {
    if (!goal) return;
    paletteOpen.value = false;
    go(goal.to);
  };
  return (
    <dialog ref={box} class="palette" onClose={() => (paletteOpen.value = false)} aria-label="go anywhere">
      <input type="text" list={undefined} value={words} placeholder="page, endpoint, model" aria-label="search" role="combobox" aria-expanded="true"
        aria-controls="goals" aria-activedescendant={found[at] ? `goal-${at}` : undefined}
        onInput={(event) => { set(event.currentTarget.value); setAt(0); }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setAt(Math.min(found.length - 1, at + 1));
          else if (event.key === "ArrowUp") setAt(Math.max(0, at - 1));
          else if (event.key === "Enter") choose(found[at]);
          else return;
          event.preventDefault();
        }} />
      <ul id="goals" role="listbox" aria-label="found">
        {found.map((goal, i) => (
          <li key={goal.to} id={`goal-${i}`} role="option" aria-selected={i === at} onClick={() => choose(goal)} onMouseMove={() => setAt(i)}>
            {goal.title} <span class="faint">{goal.kind}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="faint">nothing of that name</p>}
    </dialog>
  );
}

/* When `g` was pressed, by the event's own time: a page busy drawing hears both keys late, and they
   belong together all the same. */
let chord = -Infinity;

function onKey(event: KeyboardEvent) {
  const target = event.target as HTMLElement;
  if ((event.ctrlKey || event.metaKey) && event.key === "k") {
    event.preventDefault();
    paletteOpen.value = true;
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || document.querySelector("dialog[open]")) return;
  if (event.timeStamp - chord < 1200) {
    const to = ({ o: "/", m: "/models", e: "/experiments", a: "/alerts", x: "/explain" } as Record<string, string>)[event.key];
    chord = -Infinity;
    if (to) go(to);
    return;
  }
  if (event.key === "g") chord = event.timeStamp;
  else if (event.key === "?") helpOpen.value = true;
  else if (event.key === "/") paletteOpen.value = true;
  else if (event.key === ".") live.value = live.value === "on" ? "off" : "on";
  else if (event.key === "y") void copy(frozenLink(), "link copied");
  else if (event.key === "t") {
    const names = Object.keys(ranges);
    setRange(names[(names.indexOf(range.value.name) + 1) % names.length]!);
  } else return;
  event.preventDefault();
}

export function Shell({ entries, user, alerts, children }: { entries: Entry[]; user: ComponentChildren; alerts: ComponentChildren; children: ComponentChildren }) {
  useEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => {
    menuOpen.value = false;
  }, [place.value.path]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the page</a>
      <header>
        <button type="button" class="quiet menu" aria-expanded={menuOpen.value} aria-label="menu" onClick={() => (menuOpen.value = !menuOpen.value)}><Icon name="menu" /></button>
        <A to="/" class="brand">Millwright</A>
        <button type="button" class="quiet search" onClick={() => (paletteOpen.value = true)}><Icon name="search" /> <span>Search</span> <kbd>/</kbd></button>
        <span class="header-right">
          {alerts}
          <LivePill />
          <button type="button" class="quiet" title="times are shown so" onClick={() => (zone.value = zone.value === "utc" ? "local" : "utc")}>{zoneName()}</button>
          <button type="button" class="quiet wide-only" title="light, dark, or as the system" onClick={() => (theme.value = theme.value === "system" ? "light" : theme.value === "light" ? "dark" : "system")}>
            {theme.value === "system" ? "auto" : theme.value}
          </button>
          <button type="button" class="quiet wide-only" aria-label="keys" onClick={() => (helpOpen.value = true)}>?</button>
          {user}
        </span>
      </header>
      <div class="body">
        <Nav entries={entries} />
        {children}
      </div>
      <Help />
      <Palette entries={entries} />
      <div class="toast" role="status" aria-live="polite">{toast.value}</div>
    </>
  );
}
