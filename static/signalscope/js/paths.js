// Comes in: a node of the drawing. Goes out: the edges of every path through it: only those that were taken, or could
// be, by way of it. dashboard/graph/paths.py finds the same ones for a search and for files.

const ORIGINS = 0;
const SENDERS = 1;
const RECEIVERS = 3;

/** Return the edges to light when `node` is chosen. */
export function pathsThrough(node, { nodes, edges }) {
  const ids = (list) => new Set(list.map((one) => one.id));
  const forward = edges.filter((edge) => !edge.caused);
  const leaving = (from) => forward.filter((edge) => from.has(edge.from));
  const arriving = (to) => forward.filter((edge) => to.has(edge.to));
  const targets = (list) => new Set(list.map((edge) => edge.to));
  const before = (points) => {
    const into = edges.filter((edge) => points.has(edge.to));
    const senders = new Set(into.filter((edge) => !edge.caused).map((edge) => edge.from));
    const flows = arriving(senders).filter(
      (edge) => nodes.get(edge.from)?.column === ORIGINS && [...edge.via].some((point) => points.has(point)),
    );
    return [...into, ...flows];
  };
  const after = (points) => {
    const boxes = [...points].map((id) => nodes.get(id)?.box?.id).filter(Boolean);
    return leaving(new Set([...points, ...boxes]));
  };

  const own = ids([node, ...node.rows]);
  if (node.column === ORIGINS) {
    const flows = leaving(own);
    const wanted = new Set(flows.flatMap((edge) => [...edge.via]));
    const toPoints = leaving(targets(flows)).filter((edge) => wanted.has(edge.to));
    return new Set([...flows, ...toPoints, ...after(targets(toPoints))]);
  }
  if (node.column === SENDERS) {
    const toPoints = leaving(own);
    return new Set([...arriving(own), ...toPoints, ...after(targets(toPoints))]);
  }
  if (node.column === RECEIVERS) {
    const into = arriving(own);
    const sources = into.map((edge) => nodes.get(edge.from)).filter(Boolean);
    const led = before(ids(sources.flatMap((one) => [one, ...one.rows]))).filter((edge) => !edge.caused);
    return new Set([...into, ...led, ...edges.filter((edge) => edge.caused && own.has(edge.from))]);
  }
  return new Set([...before(own), ...after(own)]);
}
