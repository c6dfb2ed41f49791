mod blobs;
mod connect;
mod postgres;
mod postgres_crash;
mod queries;
