//! Tests that drive the real program over sockets, one file per behaviour.

mod gateway;
mod ports;

mod auth;
mod backup;
mod bad_input;
mod browser;
mod carriers;
mod command;
mod command_line;
mod contracts;
mod disk_full;
mod docs;
mod durability;
mod faults;
mod idempotency;
mod journey;
mod kill;
mod leaks;
mod licences;
mod limits;
mod load;
mod messages;
mod numbers;
mod redis;
mod rooms;
mod sandbox;
mod shutdown;
mod simulator;
mod slow_clients;
mod spoken;
mod twins;
mod voice;
