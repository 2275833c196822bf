// The live page: a filter that completes itself, rows that unfold, a selection with its inspector, a stream that waits while it is read.

import "./completion.js";
import "./inspector.js";
import "./axis.js";
import "./focus.js";
import "./frames.js";
import "./menu.js";
import "./rows.js";
import "./stream.js";
import "./stretches.js";
import "./times.js";
