"""What is taken elsewhere: captures as datasets in the formats that other programs train on."""
