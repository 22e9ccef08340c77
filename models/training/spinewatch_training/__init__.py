"""From a data set in the RSNA 2022 layout to a model package that the appliance loads."""
