// The live page: rows that unfold, a selection with its inspector, a stream that waits while it is read.

import "./inspector.js";
import "./rows.js";
import "./stream.js";
