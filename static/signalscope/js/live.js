// The live page: a filter that completes itself, rows that unfold, a selection with its inspector, a stream that waits while it is read.

import "./completion.js";
import "./inspector.js";
import "./rows.js";
import "./stream.js";
