"""Social prescription of Time Credits: credits to get somebody started."""
