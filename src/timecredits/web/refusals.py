"""What only the web refuses: requests that cannot be read, callers that are not known, a service that cannot answer."""

from timecredits.errors import DomainError

RETRY_SECONDS = 1


class Unauthenticated(DomainError):
    """There is no valid key."""

    title = "Not signed in"
    words = "This needs a valid key."
    explanation = (
        "Send a key in the header `Authorization: Bearer <key>`. This one is missing, mistyped, expired or revoked; "
        "the answer is the same for all. A coordinator can make a new one."
    )


class InvalidJson(DomainError):
    """The body is not JSON."""

    title = "Not JSON"
    words = "The body of the request cannot be read as JSON."
    explanation = "The body must be JSON in UTF-8, nested no deeper than a form needs. Nothing was changed."


class InvalidRequest(DomainError):
    """A field is missing, unknown or of the wrong kind."""

    title = "Something in the request is wrong"
    words = "Something in the request is missing or not as it should be."
    explanation = (
        "`errors` names each field by a JSON pointer and says what is wrong with it. Unknown fields are refused, "
        "and minutes are whole numbers. Nothing was changed."
    )


class TimeNotPast(DomainError):
    """What will be is not known."""

    title = "Not a time in the past"
    words = "Balances are known up to now."
    explanation = "`at` is a time in the past. Leave it out to ask for now."


class InvalidCursor(DomainError):
    """A cursor that this list has not given."""

    title = "Not a cursor of this list"
    words = "This cursor does not belong to this list."
    explanation = "Take `next` from the page before as it is, with the same path. Without one the list starts anew."


class MethodNotAllowed(DomainError):
    """There is such a path, but not for this method."""

    title = "Not with this method"
    words = "This path does not know this method."
    explanation = "The header `Allow` of the answer lists the methods that the path knows."


class BodyTooLarge(DomainError):
    """The body is larger than 1 MiB."""

    title = "Too large"
    words = "The body of a request is at most 1 MiB."
    explanation = "Send less at a time: a long list can be sent in parts."


class IdempotencyKeyRequired(DomainError):
    """A request that moves credits has no Idempotency-Key."""

    title = "An Idempotency-Key is needed"
    words = "A request that moves credits needs the header Idempotency-Key."
    explanation = (
        "Make a random key for each thing to be done, such as a UUID, and send it in the header `Idempotency-Key`. "
        "When an answer is lost, send the same request with the same key again: it will happen once."
    )


class IdempotencyKeyInvalid(DomainError):
    """An Idempotency-Key is 1 to 255 visible ASCII characters."""

    title = "Not a possible Idempotency-Key"
    words = "An Idempotency-Key is 1 to 255 visible ASCII characters."
    explanation = "Use a random key without spaces, such as a UUID."


class IdempotencyKeyReused(DomainError):
    """The key belongs to another request."""

    title = "This Idempotency-Key belongs to another request"
    words = "This Idempotency-Key was used for another request before."
    explanation = "A key stands for one request for ever. Use a new key for a new request. Nothing was changed."


class IdempotencyKeyInUse(DomainError):
    """Another request with the same key is being worked on."""

    title = "This Idempotency-Key is in use"
    words = "A request with this Idempotency-Key is being worked on. Try again shortly."
    explanation = "The same request was sent twice at once. Send it again with the same key to hear what came of it."


class PreconditionRequired(DomainError):
    """An edit does not say which version it edits."""

    title = "If-Match is needed"
    words = "An edit needs the header If-Match."
    explanation = "Read it first and send its `ETag` as it is in the header `If-Match`, so that no edit is lost."


class PreconditionFailed(DomainError):
    """It has changed since the ETag was given."""

    title = "Changed since you looked"
    words = "This has changed since you looked. Look again."
    explanation = "Somebody else edited it first. Read it again, and send the new `ETag` in `If-Match`."


class NotReady(DomainError):
    """The database is out of reach, or older or newer than the code."""

    title = "Not ready"
    words = "The service is not ready."
    explanation = "The database cannot be reached, or its tables are not those that this version needs."


class DatabaseUnavailable(DomainError):
    """The database does not answer, or does not take anything now."""

    title = "The database cannot do this now"
    words = "The service's database cannot do this now. Try again shortly."
    explanation = (
        "It is out of reach, full or read-only. The service recovers by itself. Wait for the seconds that "
        "`Retry-After` says and send the request again, with the same Idempotency-Key if it had one."
    )


class Busy(DomainError):
    """Others were at the same rows for too long."""

    title = "Busy"
    words = "Too much is happening at once. Try again shortly."
    explanation = (
        "Others were working on the same thing for too long. Nothing was changed. Wait for the seconds that "
        "`Retry-After` says and send the request again, with the same Idempotency-Key if it had one."
    )


class Stopping(DomainError):
    """The service was told to stop and could not wait any longer."""

    title = "The service is stopping"
    words = "The service is stopping, and does not know what came of this. Send it again."
    explanation = (
        "It could not be finished in the time there was. Send the request again, with the same Idempotency-Key if it "
        "had one: either it has happened and you hear the outcome, or it happens then."
    )


class InternalError(DomainError):
    """Our mistake."""

    title = "Our mistake"
    words = "Something went wrong on our side."
    explanation = "It has been logged. Quote the `id` of the answer to whoever runs the service."
