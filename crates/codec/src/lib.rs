//! Integer and float column codecs, shared by the wire and by parts at rest.
