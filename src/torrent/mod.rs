//! A torrent by itself, outside of any deploy: what it holds, and whether a payload is what it says.
