"""Puts the sessions of each event on the deny list.

To do it twice does no harm, so the event is not recorded in an inbox: the cache is all that this needs.
"""

from shared.config.identity import token_settings
from shared.core.clock import now
from shared.core.correlation import correlated
from shared.core.events import Envelope, event_of
from shared.domains.sessions.events import SessionsRevoked
from shared.worker.batch import Message, queue_handler


async def deny_sessions(message: Message) -> None:
    """Deny sessions until their last access token has expired. Raises where the cache does not answer."""
    from shared.adapters import denials

    envelope = Envelope.read(message.body)
    event = event_of(envelope, known=(SessionsRevoked,))
    age_s = int((now() - envelope.occurred_at).total_seconds())
    left_s = token_settings().access_token_s + denials.MARGIN_S - age_s
    with correlated(envelope.correlation()):
        if left_s > 0:
            await denials.deny(event.session_ids, for_s=left_s)


handler = queue_handler(deny_sessions)
