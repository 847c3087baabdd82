"""Lists in Redis: a key for each user and edition, and a pointer that moves last."""

import json
import logging
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dataset.errors import ConfigurationError, ResourceError
from dataset.parameters import check_int
from pipeline.publishing.connections import (
    check_identifier,
    check_variable,
    from_environment,
    held_in_time,
    without_secrets,
)
from pipeline.publishing.lists import FinishedLists, ListBatch
from pipeline.publishing.target import Edition, Shelf

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as absent:
    raise ConfigurationError(
        "target=redis needs redis, which is not installed; install glowrank[publish]."
    ) from absent

_LOG: Final = logging.getLogger(__name__)
EXAMPLE: Final = "redis://:password@host:6379/0"
CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 60
KEYS_A_COMMAND: Final = 500
KEYS_A_SCAN: Final = 1000  # other clients wait for about a millisecond
DAY_SECONDS: Final = 86_400
READ: Final = (
    "local served = redis.call('GET', KEYS[1]..':current') "
    "return served and redis.call('GET', KEYS[1]..':'..served..':'..ARGV[1])"
)
# A command for some of the keys that match a pattern, so that no key travels; gives the next cursor.
EACH: Final = """
local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
for _, key in ipairs(found[2]) do redis.call(ARGV[4], key, unpack(ARGV, 5)) end
return found[1]
"""


@dataclass(frozen=True, kw_only=True)
class Redis:
    """A key `PREFIX:EDITION:USER` for each list, and `PREFIX:current` with the name of the served edition.

    A value is a JSON text in UTF-8, `[[item, score, sources], ...]`, best item first. The shop reads it by
    two commands, `GET glowrank:current` and `GET glowrank:EDITION:USER`, or by one, the script of `reading`;
    a list is one value, so it is never half of each. One server holds all keys, not a Redis Cluster; it must
    not evict (`maxmemory-policy noeviction`), or lists vanish, and it must keep an append-only file
    (`appendonly yes`), or a killed server serves what it had at its last snapshot, perhaps nothing.

    Parameters
    ----------
    url_env : str
        Name of the environment variable that holds the URL; it is never shown.
    prefix : str
        Several shops take several.
    keep : int
        Editions that stay, the served one among them, at least 1; to roll back takes 2.
    expiry_days : int
        Days after which the lists of an edition that is served no more go by themselves, at least 1.
    """

    url_env: str = "GLOWRANK_REDIS"
    prefix: str = "glowrank"
    keep: int = 2
    expiry_days: int = 7

    def __post_init__(self) -> None:
        check_variable(self, "url_env")
        check_identifier(self, "prefix")
        check_int(self, "keep", low=1)
        check_int(self, "expiry_days", low=1, high=3650)

    @property
    def place(self) -> str:
        return f"keys {self.prefix}:* of the server in {self.url_env}"

    @property
    def reading(self) -> str:
        return f'EVAL "{READ}" 1 {self.prefix} USER'

    @contextmanager
    def opened(self) -> Iterator[Shelf]:
        url = from_environment(self.url_env, EXAMPLE)
        token = f"glowrank-{uuid.uuid4().hex}"
        try:
            client = redis.Redis.from_url(
                url,
                client_name=token,  # the lock is of those who bear this name, and ends with them
                retry=Retry(NoBackoff(), 0),
                socket_connect_timeout=CONNECT_SECONDS,
                socket_timeout=ANSWER_SECONDS,
            )
        except (ValueError, redis.RedisError):
            raise ConfigurationError(
                f"{self.url_env} must hold a URL like {EXAMPLE}. Got something else, which is not shown."
            ) from None
        with self._told(url), closing(client):
            shelf = _RedisShelf(client, self.prefix, self.expiry_days * DAY_SECONDS, token)
            if not held_in_time(shelf.hold):
                raise shelf.taken()
            try:
                yield shelf
            finally:
                with suppress(redis.RedisError, ResourceError):
                    shelf.let_go()

    @contextmanager
    def _told(self, url: str) -> Iterator[None]:
        """Turn what the driver says into our own errors; the cause is cut off, as it may hold the secret."""
        try:
            yield
        except redis.RedisError as error:
            raise ResourceError(
                f"The Redis server in {self.url_env} must be there and take the lists. "
                f"Got: {without_secrets(error, url)}; what was served still is."
            ) from None


@dataclass(frozen=True)
class _RedisShelf:
    """What is known of the editions stands in the hash `PREFIX:editions`, as JSON by name."""

    client: Any
    prefix: str
    expiry_seconds: int
    token: str

    def hold(self) -> bool:
        """Try to keep other publications away; one who is connected no more holds nothing."""
        with self.client.pipeline() as step:
            step.watch(self._key("lock"))
            holder = step.get(self._key("lock"))
            if holder and holder.decode() in {other.get("name") for other in step.client_list()}:
                return False
            step.multi()
            step.set(self._key("lock"), self.token)
            try:
                step.execute()
            except redis.WatchError:
                return False
        return True

    def let_go(self) -> None:
        """Give the lock back."""
        with self._ours() as step:
            step.delete(self._key("lock"))

    def editions(self) -> list[Edition]:
        return [
            Edition(name, facts["whole"], facts["served"]) for name, facts in sorted(self._facts().items())
        ]

    def write(self, lists: FinishedLists, batches: Iterable[ListBatch]) -> None:
        """Older values of the same edition are equal, so they are written over."""
        self._warn()
        facts: dict[str, Any] = {"run_id": lists.run_id, "whole": False, "served": None, "lists": 0}
        with self._ours() as step:
            step.hset(self._key("editions"), lists.edition, json.dumps(facts))
        start = self._key(lists.edition, "").encode()
        for batch in batches:
            users, texts = (column.cast(pa.binary()).to_pylist() for column in (batch.users, batch.lists))
            for at in range(0, len(users), KEYS_A_COMMAND):
                chunk = slice(at, at + KEYS_A_COMMAND)
                keys = (start + user for user in users[chunk])
                self.client.mset(dict(zip(keys, texts[chunk], strict=True)))
            facts["lists"] += len(users)
        with self._ours() as step:
            step.hset(self._key("editions"), lists.edition, json.dumps({**facts, "whole": True}))

    def _warn(self) -> None:
        """Say so where a killed server would forget what it serves."""
        with suppress(redis.ResponseError):  # not everybody may ask
            if self.client.info("persistence").get("aof_enabled") == 0:
                _LOG.warning(
                    "The Redis server keeps no append-only file: killed, it forgets the lists published "
                    "since its last snapshot. Set appendonly yes, or publish again when it was restarted."
                )

    def serve(self, name: str, taken_back: str | None) -> None:
        """What was to expire is to stay again, and must all be there, before the pointer moves."""
        facts = self._facts()
        if facts[name].get("retired"):
            self._each(name, "PERSIST")
        there = self._count(name)
        if there != facts[name]["lists"]:
            with self._ours() as step:
                step.hset(self._key("editions"), name, json.dumps({**facts[name], "whole": False}))
            raise ConfigurationError(
                f"All {facts[name]['lists']:,} lists of {name} must be there. Got {there:,}, as others have "
                "expired; publish its folder again."
            )
        if taken_back is None:
            facts[name]["served"] = 1 + max(one["served"] or 0 for one in facts.values())
        else:
            facts[taken_back]["served"] = None
        facts[name]["retired"] = False
        with self._ours() as step:
            for one in {name, taken_back or name}:
                step.hset(self._key("editions"), one, json.dumps(facts[one]))
            step.set(self._key("current"), name)

    def retire(self, name: str) -> None:
        """Let the lists expire in some days, counted from the first time that this is asked."""
        facts = self._facts()[name]
        if not facts.get("retired"):
            self._each(name, "EXPIRE", self.expiry_seconds)
            with self._ours() as step:
                step.hset(self._key("editions"), name, json.dumps({**facts, "retired": True}))

    def remove(self, name: str) -> bool:
        self._each(name, "UNLINK")
        with self._ours() as step:
            step.hdel(self._key("editions"), name)
        return True

    def _each(self, name: str, command: str, *arguments: object) -> None:
        """A command for every key of an edition."""
        cursor: Any = 0
        while True:
            settings = (cursor, self._pattern(name), KEYS_A_SCAN, command)
            cursor = self.client.eval(EACH, 0, *settings, *arguments)
            if int(cursor) == 0:
                return

    def _count(self, name: str) -> int:
        """How many keys an edition has; the server may name one twice, so they are told apart by a hash."""
        keys = self.client.scan_iter(self._pattern(name), count=KEYS_A_SCAN)
        hashes = np.fromiter(map(hash, keys), np.int64)
        return len(np.unique(hashes))

    def _pattern(self, name: str) -> str:
        start = "".join(f"\\{sign}" if sign in "*?[]^\\" else sign for sign in self._key(name, ""))
        return f"{start}*"

    def _facts(self) -> dict[str, dict[str, Any]]:
        found = self.client.hgetall(self._key("editions"))
        return {name.decode(): json.loads(text) for name, text in found.items()}

    def _key(self, *parts: str) -> str:
        return ":".join((self.prefix, *parts))

    @contextmanager
    def _ours(self) -> Iterator[Any]:
        """Commands that take effect together, and only while the lock is ours."""
        with self.client.pipeline() as step:
            step.watch(self._key("lock"))
            if step.get(self._key("lock")) != self.token.encode():
                raise self.taken()
            step.multi()
            yield step
            try:
                step.execute()
            except redis.WatchError:
                raise self.taken() from None

    def taken(self) -> ResourceError:
        return ResourceError(f"Prefix {self.prefix} must be free. Got another publication that is under way.")
