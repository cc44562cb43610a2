//! Seedship as an administrator meets it: the package, its units, the Puppet module and the tools it
//! replaces, on a booted Debian (`make test-packages`). Each module says what it promises.

mod system;
mod web;
