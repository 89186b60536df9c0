/* What pages of the record share. */
import type { ComponentChildren } from "preact";
import type { Refusal } from "../api/client";
import type { Asked } from "../api/use";
import { Empty, ErrorBox, Shown } from "./panel";

/* A server without a record is no error, but something to be told about. */
export function Recorded<T>({ of, height, children }: { of: Asked<T>; height?: number; children: (data: T) => ComponentChildren }) {
  if (!of.data && of.error && isUnrecorded(of.error)) return <Unrecorded />;
  return <Shown of={of} {...(height ? { height } : {})}>{children}</Shown>;
}

export const Unrecorded = () => <Empty command="mw serve --record ./record">This server keeps no record of experiments and models. Start it with one:</Empty>;

/* A refusal of what is asked by the page itself, or what to do about it. */
export const Refused = ({ error, retry }: { error: Refusal; retry: () => void }) => (isUnrecorded(error) ? <Unrecorded /> : <ErrorBox error={error} retry={retry} />);

function isUnrecorded(error: Refusal): boolean {
  return error.status === 404 && error.what.includes("keeps no record");
}

export function Tags({ tags }: { tags: { key: string; value: string }[] | undefined }) {
  const shown = (tags ?? []).filter((tag) => !tag.key.startsWith("mlflow."));
  return <>{shown.map((tag) => <span class="tag" key={tag.key}>{tag.key}{tag.value ? `: ${tag.value}` : ""}</span>)}</>;
}

/* A server without alerts is no error. */
export function Alerted<T>({ of, children }: { of: Asked<T>; children: (data: T) => ComponentChildren }) {
  if (!of.data && of.error?.status === 404) return <Empty command="mw serve model.json --alerts on">This server has no alerts. Start it with them:</Empty>;
  return <Shown of={of} height={200}>{children}</Shown>;
}
