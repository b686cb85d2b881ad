//! One region's funnel: intake, admit, shape, outlet.
