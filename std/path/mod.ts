/**
 * The part of `@std/path` that this project uses, over `node:path` and `node:url`.
 *
 * @module
 */
import * as node from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const text = (path: string | URL) =>
  path instanceof URL ? fromFileUrl(path) : path;

/** Joins the segments and normalizes the result. */
export function join(first: string | URL, ...rest: string[]): string {
  return node.join(text(first), ...rest);
}

/** Resolves the segments, right to left, into an absolute path. */
export function resolve(...segments: string[]): string {
  return node.resolve(...segments);
}

/** All of the path but its last segment. */
export function dirname(path: string | URL): string {
  return node.dirname(text(path));
}

/** The last segment of the path, without `suffix` if it ends with it. */
export function basename(path: string | URL, suffix = ""): string {
  const whole = text(path);
  return node.basename(whole, suffix) || node.basename(whole) ||
    (whole && node.sep);
}

/** The extension of the last segment with its dot, or an empty string. */
export function extname(path: string | URL): string {
  return node.extname(text(path));
}

/** The relative path that leads from one path to the other. */
export function relative(from: string, to: string): string {
  return node.relative(from, to);
}

/** Whether the path starts at the root. */
export function isAbsolute(path: string): boolean {
  return node.isAbsolute(path);
}

/** The path of a file URL. */
export function fromFileUrl(url: string | URL): string {
  const { protocol, href } = new URL(url);
  if (protocol !== "file:") {
    throw new TypeError(`URL must be a file URL: received "${protocol}"`);
  }
  return fileURLToPath(href);
}

/** The file URL of an absolute path. */
export function toFileUrl(path: string): URL {
  if (!node.isAbsolute(path)) {
    throw new TypeError(`Path must be absolute: received "${path}"`);
  }
  return pathToFileURL(path);
}
