"""Every page of the vote; importing them puts them on the blueprint."""

from membership.voting import round_pages as round_pages
from membership.voting import topic_pages as topic_pages
from membership.voting.room import blueprint as blueprint
