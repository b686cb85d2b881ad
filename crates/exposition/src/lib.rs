//! Outside formats of metrics and logs, to and from the model.
