"""Mail addresses as people type them."""

from email_validator import EmailNotValidError, validate_email


class InvalidAddressError(ValueError):
    """The text is no mail address."""


def clean(text: str) -> str:
    """`text` as the one mail address it is, in ASCII, its domain in lower case; asks no network.

    Raises InvalidAddressError.
    """
    try:
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise InvalidAddressError(str(error)) from error
    return found.ascii_email or found.normalized
