"""Groups, their activities, and the time that people give to them."""
