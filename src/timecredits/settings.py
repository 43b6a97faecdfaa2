"""What the environment must provide."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from `TIMECREDITS_*` variables. Times are in the unit that the name ends with."""

    model_config = SettingsConfigDict(env_prefix="TIMECREDITS_", extra="ignore")

    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL as the application role. Without it, the embedded server is used."
    )
    owner_database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL as the owner of the tables. Only `migrate` needs it."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="At least 32 characters, kept outside the database. Protects PINs and remembered requests. "
        "Needed with a database of your own; the embedded server keeps one in its data folder.",
    )
    data_dir: Path = Field(default=Path(".timecredits"), description="Where the embedded server keeps its data.")
    host: str = Field(default="127.0.0.1", description="The address that `serve` listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port that `serve` listens on.")
    workers: int = Field(default=1, ge=1, le=64, description="Processes that `serve` starts.")
    threads: int = Field(default=4, ge=1, le=64, description="Requests that one process works on at a time.")
    stop_seconds: int = Field(
        default=20, ge=1, description="Longest time to finish what is in flight when `serve` is told to stop."
    )
    forwarded_allow_ips: str = Field(
        default="127.0.0.1", description="Addresses of proxies whose X-Forwarded headers are believed."
    )
    sweep_seconds: int = Field(
        default=60, ge=0, description="Pause between sweeps of expired credits in the background; 0 for none."
    )
    lock_timeout_milliseconds: int = Field(default=2_000, ge=1, description="Longest wait for a lock.")
    statement_timeout_milliseconds: int = Field(
        default=10_000, ge=1, description="Longest time for one statement, and for a transaction to be left waiting."
    )
    connect_timeout_seconds: int = Field(default=5, ge=1, description="Longest wait for a new database connection.")
    pool_timeout_seconds: int = Field(default=5, ge=1, description="Longest wait for a connection from the pool.")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
