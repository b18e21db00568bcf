"""The shape of a configuration: every key, its type, its range and its default.

What one value may be is in `scalars`; what values mean together is in the modules that resolve
them. Names are still text here, since what they are relative to is not known at this place.
"""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from rrdns.config import hostnames, scalars
from rrdns.config.document import Broken
from rrdns.config.scalars import DAY_SECONDS, MAX_TTL_SECONDS
from rrdns.model import MinHealthy
from rrdns.settings import DEFAULT_STATE_DIRECTORY, Endpoint

DEFAULT_LISTEN = (Endpoint("0.0.0.0", 53, default=True), Endpoint("::", 53, default=True))  # noqa: S104


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _some(empty: Any) -> Callable[[Any, ValidatorFunctionWrapHandler], Any]:
    """Return a validator that wants at least one; Broken stands for what is told of elsewhere."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, Broken):
            return empty
        found = handler(value)
        if not found:
            raise ValueError("is empty: at least one name server is needed")
        return found

    return validate


Text = Annotated[str, PlainValidator(scalars.text)]
FilePath = Annotated[str, PlainValidator(scalars.file_path)]
ShortText = Annotated[str, PlainValidator(scalars.bounded_text(255))]
Word = Annotated[str, PlainValidator(scalars.word)]
Words = Annotated[list[Word], BeforeValidator(_listed)]
Flag = Annotated[bool, PlainValidator(scalars.boolean)]
Address = Annotated[str, PlainValidator(scalars.address)]
Addresses = Annotated[list[Address], BeforeValidator(_listed)]
Listen = Annotated[Endpoint, PlainValidator(scalars.endpoint)]
Network = Annotated[str, PlainValidator(scalars.network)]
Ttl = Annotated[int, PlainValidator(scalars.whole_seconds(0, MAX_TTL_SECONDS))]
Timer = Annotated[int, PlainValidator(scalars.whole_seconds(1, MAX_TTL_SECONDS))]
Timeout = Annotated[float, PlainValidator(scalars.duration(0.001, DAY_SECONDS))]
Port = Annotated[int, PlainValidator(scalars.whole_number(1, 65535))]
Count = Annotated[int, PlainValidator(scalars.whole_number(0, 1_000_000))]
Positive = Annotated[int, PlainValidator(scalars.whole_number(1, 1_000_000))]
Threshold = Annotated[int, PlainValidator(scalars.whole_number(1, 1000))]


class Model(BaseModel):
    """A mapping whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LogModel(Model):
    """`server.log`."""

    level: Annotated[str, PlainValidator(scalars.choice("debug", "info", "warning", "error"))] = (
        "info"
    )
    format: Annotated[str, PlainValidator(scalars.choice("text", "json"))] = "text"


class ServerModel(Model):
    """`server`: sockets, files, the process."""

    listen: Annotated[list[Listen], BeforeValidator(_listed)] = list(DEFAULT_LISTEN)
    http: Listen | None = Endpoint("127.0.0.1", 9353)
    control: FilePath = "/run/rrdns/control.sock"
    control_group: Word | None = None
    state_directory: FilePath | None = DEFAULT_STATE_DIRECTORY
    udp_workers: Annotated[
        int | None, PlainValidator(scalars.one_of("auto", scalars.whole_number(1, 1024)))
    ] = None
    executor: Annotated[str, PlainValidator(scalars.choice("auto", "native", "python"))] = "auto"
    identity: ShortText | None = None
    version: ShortText | None = None
    cookie_secrets: FilePath | None = None
    user: Word | None = None
    watch: Flag = False
    log: LogModel = LogModel()


class LimitsModel(Model):
    """`limits`: what one client may take."""

    responses_per_second: Count = 200
    slip: Annotated[int, PlainValidator(scalars.whole_number(0, 10))] = 2
    exempt: list[Network] = ["127.0.0.0/8", "::1/128"]
    udp_payload: Annotated[int, PlainValidator(scalars.whole_number(512, 4096))] = 1232
    tcp_connections: Positive = 1000
    tcp_connections_per_client: Positive = 50
    tcp_idle_timeout: Timeout = 10.0


class SourceModel(Model):
    """`health.source`: the addresses that probes come from."""

    ipv4: Annotated[str, PlainValidator(scalars.source_address(4))] | None = None
    ipv6: Annotated[str, PlainValidator(scalars.source_address(6))] | None = None


class ProbeModel(Model):
    """How a target is probed: what `health` sets for all and a node or host may override."""

    check: Annotated[
        str, PlainValidator(scalars.choice("none", "tcp", "banner", "ehlo", "starttls", "rcpt"))
    ] = "ehlo"
    port: Port = 25
    interval: Timeout = 3.0
    fast_interval: Timeout = 0.5
    fall: Threshold = 2
    rise: Threshold = 3
    connect_timeout: Timeout = 2.0
    banner_timeout: Timeout = 10.0
    command_timeout: Timeout = 5.0
    helo: Annotated[str, PlainValidator(hostnames.helo)] | None = None
    recipient: Annotated[str, PlainValidator(hostnames.recipient)] | None = None
    verify: Flag = False
    source: SourceModel = SourceModel()


class HealthModel(ProbeModel):
    """`health`: the defaults for all targets."""

    concurrency: Annotated[int, PlainValidator(scalars.whole_number(1, 100_000))] = 500


class NodeModel(BaseModel):
    """One of `nodes`: every key that is not named here is a role."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Addresses]

    weight: Annotated[int, PlainValidator(scalars.whole_number(0, 100))] = 1
    tier: Annotated[int, PlainValidator(scalars.whole_number(1, 100))] = 1
    pool: Word = "default"
    health: ProbeModel | None = None

    @property
    def roles(self) -> dict[str, list[str]]:
        """The addresses by role, in the file's order."""
        return self.model_extra or {}


class SoaModel(Model):
    """`soa` of a zone or a profile; None for serial is ``auto``."""

    mname: Text | None = None
    rname: Text | None = None
    serial: Annotated[
        int | None, PlainValidator(scalars.one_of("auto", scalars.whole_number(0, 2**32 - 1)))
    ] = None
    refresh: Timer = 7200
    retry: Timer = 900
    expire: Timer = 14 * DAY_SECONDS
    minimum: Ttl = 60


class HostModel(Model):
    """One of a zone's `hosts`."""

    role: Words | None = None
    pool: Word | None = None
    addresses: Addresses | None = None
    health: ProbeModel | None = None
    ttl: Ttl = 60
    policy: Annotated[str, PlainValidator(scalars.choice("round-robin", "random", "weighted"))] = (
        "round-robin"
    )
    max_answers: Annotated[int, PlainValidator(scalars.whole_number(1, 255))] = 8
    min_healthy: Annotated[MinHealthy, PlainValidator(scalars.min_healthy)] = MinHealthy()
    tiers: Annotated[
        int | None, PlainValidator(scalars.one_of("all", scalars.whole_number(1, 100)))
    ] = None
    fallback: Text | None = None


class RecordModel(Model):
    """One static record set in octoDNS's shape; `records` reads the values."""

    type: Text
    ttl: Ttl | None = None
    value: Any = None
    values: Any = None


Records = dict[str, Annotated[list[RecordModel], BeforeValidator(_listed)]]


class ZoneModel(Model):
    """One of `zones`."""

    nameservers: Annotated[dict[str, Addresses], WrapValidator(_some({}))] = {}
    soa: SoaModel = SoaModel()
    ttl: Ttl = 3600
    hosts: dict[str, HostModel] = {}
    records: Records = {}
    file: FilePath | None = None


class ProfileModel(Model):
    """One of `profiles`; `mx` is a list, or the word ``none`` (`profiles` reads it)."""

    nameservers: Annotated[list[Text], BeforeValidator(_listed), WrapValidator(_some([]))]
    mx: Any
    ttl: Ttl = 3600
    soa: SoaModel = SoaModel()
    records: Records = {}


class DomainsModel(Model):
    """One of `domains`: names, a file of names, or both (`domainset` reads the names)."""

    profile: Word = "default"
    names: list[Any] = []
    file: FilePath | None = None


class RootModel(Model):
    """The whole file."""

    server: ServerModel = ServerModel()
    limits: LimitsModel = LimitsModel()
    health: HealthModel = HealthModel()
    nodes: dict[str, NodeModel] = {}
    zones: dict[str, ZoneModel] = {}
    profiles: dict[str, ProfileModel] = {}
    domains: list[DomainsModel] = []
