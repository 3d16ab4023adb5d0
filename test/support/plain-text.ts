// Programs that tests start print without colours, whatever the machine asks for. Node warns where both variables are set.

delete process.env['FORCE_COLOR'];
process.env['NO_COLOR'] = '1';
